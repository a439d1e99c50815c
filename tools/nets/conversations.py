"""What every verb, option and wrong usage answers: exit code, words and --json, in both layouts.

Usage: BASE/.venv/bin/python tools/nets/conversations.py BASE NEW [--data FOLDER] [--only WORD]

One scripted sequence, run in a copy of the checkout against its own emulator. What BASE says is recorded in
FOLDER/conversations.json the first time. Exit code 0: NEW says the same.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from releases import AT_ONCE, Releases, client, with_address
from trees import CREDENTIALS, Copy, Tree, differences, masked, recorded, report, transcript

VERBS = ["plan", "deploy", "status", "image", "drift", "continue-rollback", "rollback", "destroy", "review"]
# Stacks are worked on side by side.
UNORDERED = {"deploy", "destroy", "drift", "continue-rollback", "plan"}
# What is different on purpose: the conversation and the reason.
EXPECTED: dict[str, str] = {}

BAD_FILES = {
    "empty file": "",
    "list": "- a\n",
    "not YAML": "a: [b\n",
    "key twice": "account: '000000000000'\naccount: '000000000000'\n",
    "nothing of it": "region: nowhere\nprojekt: x\n",
}
BAD_PARAMETERS = {
    "unknown parameter": "MaxCapacitee: 5",
    "wrong value": "LogRetentionDays: 8",
    "sizes that Fargate has not": "TaskMemory: 8192",
    "minimum above maximum": "MinCapacity: 9",
}
NETWORK_OF_NOBODY = "VpcId: vpc-0123456789abcdef0"


class Talk:
    """The conversations so far, by name."""

    def __init__(self, copy: Copy, address: str = "") -> None:
        self.copy = copy
        self.said: dict[str, Any] = {}
        self.variables = {**CREDENTIALS, "AWS_ENDPOINT_URL": address} if address else {}

    def command(self, name: str, command: list[str], *, unordered: bool = False, **options: Any) -> Any:
        """Run a command and keep what was said under a name."""
        name = masked(name, self.copy)
        assert name not in self.said, name
        answer = self.copy.run(command, **{**self.variables, **options})
        if "Traceback" in answer["err"]:
            print(f"{name}: {answer['err']}", file=sys.stderr)
        self.said[name] = transcript(answer, self.copy, unordered=unordered)
        return answer

    def __call__(
        self, verb: str, *arguments: str, env: str | None = "dev", note: str = "", **options: Any
    ) -> Any:
        """Run a verb. The name is what is typed, and a note on what is different since the last time."""
        given = [verb, *(["--env", env] if env is not None else []), *arguments]
        name = " ".join([*(word or "''" for word in given), *([f"({note})"] if note else [])])
        command = [self.copy.python(), "deploy.py", *given]
        return self.command(name, command, unordered=verb in UNORDERED, **options)

    def generate(self, note: str, *arguments: str, **options: Any) -> Any:
        """Run generate.py."""
        return self.command(
            f"generate.py {' '.join(arguments)} ({note})",
            [self.copy.python("troposphere"), "generate.py", *arguments],
            **options,
        )

    def local(self, *arguments: str, note: str = "", **options: Any) -> Any:
        """Run a command of this machine: serve, rehearse."""
        name = " ".join([*arguments, *([f"({note})"] if note else [])])
        command = [self.copy.python("ministack"), "-m", self.copy.tree.package, *arguments]
        return self.command(f"python -m local {name}", command, **options)


def wrong_usage(talk: Talk) -> None:
    """What argparse and the files refuse before anything is asked of AWS."""
    talk.command("deploy.py", [talk.copy.python(), "deploy.py"])
    talk.command("deploy.py --help", [talk.copy.python(), "deploy.py", "--help"])
    for verb in VERBS:
        talk(verb, "--help", env=None)
    talk("redeploy")
    talk("plan", env=None)
    talk("plan", "--env", env=None)
    talk("plan", "more")
    talk("plan", "--nonsense")
    talk("plan", "--yes")
    talk("plan", "--out", "a", "--discard", "b")
    talk("status", "--only", "service")
    talk("rollback", "--only", "service")
    talk("deploy", "--at-once")
    talk("destroy", "--allow", "service:Service")
    talk("review", env=None)
    talk("review", "--base", "HEAD", "--json", "--markdown", env=None)
    for verb, option in (("plan", "--out"), ("plan", "--discard"), ("deploy", "--plan")):
        talk(verb, option, "")
    for name in ("", "dve", "Prod", "nowhere", "../params/dev", "."):
        talk("plan", env=name)
    talk("status", "--json", env="nowhere")
    talk("deploy", "--only", "srevice")
    talk("plan", "--only", "srevice", "--json")
    talk("continue-rollback", "--only", "srevice")
    for name in ("service", "srevice:Service", ":Service"):
        talk("deploy", "--allow", name)
        talk("continue-rollback", "--skip", name)
    talk("deploy", "--plan", "nowhere.json")
    talk("deploy", "--plan", "params/dev.yaml", "--json")
    talk("deploy", "--plan", ".")
    talk("plan", "--discard", "nowhere.json")
    talk("plan", "--discard", "README.md")
    talk("plan", "--out", "nowhere/plan.json")
    talk("plan", "--out", "params")
    talk("plan", "--out", "/dev/full")


def wrong_files(talk: Talk) -> None:
    """What is wrong in `params/` and `build/`."""
    root = talk.copy.root
    for note, text in BAD_FILES.items():
        with talk.copy.edited():
            (root / "params" / "dev.yaml").write_text(text)
            talk("plan", note=note)
    with talk.copy.edited():
        (root / "params" / "dev.yaml").write_text(BAD_FILES["nothing of it"])
        talk("deploy", "--json", note="nothing of it")
        talk.generate("nothing of it")
    for note, line in BAD_PARAMETERS.items():
        with talk.copy.edited():
            talk.copy.parameter(line)
            talk("status", note=note)
    for verb in ("plan", "status", "rollback"):
        with talk.copy.edited():
            (root / "build" / "infrastructure.yaml").unlink()
            talk(verb, note="a template is missing")
    with talk.copy.edited():
        (root / "build" / "service.yaml").write_text("a: [*b]")
        talk("plan", note="template that is not YAML")
    with talk.copy.edited():
        (root / "build" / "vpc.yaml").write_text("Resources: {Vpc: {Type: 'AWS::EC2::VPC'}}")
        talk("plan", note="template of nobody")
    with talk.copy.edited():
        for path in (root / "build").glob("*.yaml"):
            path.unlink()
        talk("deploy", "--yes", note="no template")
        talk("review", "--base", "HEAD", env=None, note="no template")
    talk("status", note="without credentials")


def generating(talk: Talk) -> None:
    """`generate.py`: nothing to do, stale, wrong."""
    root = talk.copy.root
    talk.generate("wrong usage", "--nonsense")
    talk.generate("help", "--help")
    talk.generate("fresh")
    talk.generate("fresh", "--check")
    with talk.copy.edited():
        talk.copy.replace("build/service.yaml", "LATEST", "1.4.0")
        (root / "build" / "more.yaml").write_text("A: b\n")
        (root / "build" / "config" / "dev" / "task-definition.json").unlink()
        talk.generate("stale", "--check")
        talk.generate("stale")
        talk.generate("fresh again", "--check")
    with talk.copy.edited():
        path = root / "templates" / "service.py"
        path.write_text(f"raise ValueError('no')\n{path.read_text()}")
        talk.generate("a module that raises")


def reviewing(talk: Talk) -> None:
    """`review`: revisions, and what is on disk. The words of every environment."""
    talk("review", "--base", "nowhere", env=None)
    talk("review", "--base", "", env=None)
    talk("review", "--base", "HEAD", env=None, note="nothing changed")
    talk("review", "--base", "HEAD", "--json", env=None, note="nothing changed")
    talk("review", "--base", "HEAD", "--markdown", env=None, note="nothing changed")
    with talk.copy.edited():
        talk.copy.parameter("MaxCapacity: 5")
        talk.copy.parameter("HealthRate: 0.5", "prod")
        talk.copy.replace("build/infrastructure.yaml", "Port: !Ref TestListenerPort", "Port: 9003")
        talk.copy.replace("build/service.yaml", "PlatformVersion: LATEST", "PlatformVersion: 1.4.0")
        for form in ((), ("--json",), ("--markdown",)):
            talk("review", "--base", "HEAD", *form, env=None, note="changed on disk")
        talk.copy.git("commit", "-qam", "changed")
        talk("review", "--base", "HEAD~1", "--head", "HEAD", env=None, note="two revisions")
        talk("review", "--base", "HEAD", "--head", "HEAD~1", "--json", env=None, note="backwards")
        talk.copy.git("reset", "-q", "--soft", "HEAD~1")
    talk.copy.git("reset", "-q")
    with talk.copy.edited():
        (talk.copy.root / "params" / "dev.yaml").write_text("")
        talk("review", "--base", "HEAD", env=None, note="a file that cannot be used")


def running_here(talk: Talk) -> None:
    """`python -m local`: how its commands refuse."""
    root = talk.copy.root
    talk.local()
    talk.local("--help")
    for command in ("serve", "rehearse"):
        talk.local(command, "--help")
        talk.local(command, "--nonsense")
    talk.local("server")
    for given in ("0", "soon", "inf"):
        talk.local("serve", "--minute", given)
    talk.local("serve", "--port", "http")
    state = str(root.parent / "refused")
    talk.local("serve", "--state", state, "--port", "99999")
    talk.local("serve", "--state", state, "--params", "nowhere.yaml")
    talk.local("serve", "--state", state, "--params", "README.md")
    talk.local("serve", "--state", "README.md")
    for option, given in (
        ("--health-rate", "2"),
        ("--health-rate", "well"),
        ("--minute", "0"),
        ("--minute", "61"),
        ("--requests", "0"),
        ("--requests", "1e9"),
        ("--env", "nowhere"),
        ("--report", "README.md"),
    ):
        talk.local("rehearse", option, given)
    for note in ("empty file", "nothing of it"):
        with talk.copy.edited():
            (root / "params" / "dev.yaml").write_text(BAD_FILES[note])
            talk.local("rehearse", "--env", "dev", note=note)


def on_the_emulator(talk: Talk) -> None:
    """ENV=local: nobody is asked, and the emulator comes and goes with the command."""
    root = talk.copy.root
    (root / ".local").write_text("")
    talk("status", env="local", note="a file is in the way")
    (root / ".local").unlink()
    talk("deploy", env="local")
    # From here on one server for all of them, as a person starts it.
    with talk.copy.serving(root / ".local"):
        talk.local("serve", "--state", str(root / ".local"), note="in use")
        talk("status", env="local", note="in use by another command")
    talk("plan", env="local", note="deployed")
    talk("rollback", env="local", note="no release")
    talk("image", env="local")
    talk("destroy", "--json", env="local")


def empty(talk: Talk) -> None:
    """An environment on AWS that has nothing yet."""
    folder = talk.copy.root.parent
    for verb in ("status", "drift", "image"):
        talk(verb, note="empty")
        talk(verb, "--json", note="empty")
    for verb in ("rollback", "destroy", "continue-rollback"):
        talk(verb, "--yes", note="empty")
        talk(verb, "--yes", "--json", note="empty")
    talk("plan", note="empty")
    talk("plan", "--json", note="empty")
    talk("plan", "--exit-code", note="empty")
    talk("plan", "--only", "container-repository", note="empty")
    talk("plan", "--only", "service", note="empty")
    talk("deploy", note="nobody to ask")
    talk("deploy", "--json", note="nobody to ask")
    talk("deploy", note="closed standard input", stdin_closed=True)
    talk("deploy", note="answered no", answers="n\n")
    talk(
        "deploy", "--only", "infrastructure", "--allow", "service:Servise", note="answered no", answers="no\n"
    )
    with talk.copy.edited():
        talk.copy.parameter(NETWORK_OF_NOBODY)
        talk("plan", note="network of nobody")
        talk("plan", "--json", note="network of nobody")
        talk("plan", "--no-preflight", note="network of nobody")
        talk("deploy", "--yes", note="network of nobody")
    with talk.copy.edited():
        talk.copy.replace("params/dev.yaml", "000000000000", "123456789012")
        talk("plan", note="wrong account")
    with talk.copy.edited():
        (talk.copy.root / "params" / "dev-two.yaml").write_bytes(
            (talk.copy.root / "params" / "dev.yaml").read_bytes()
        )
        talk("plan", "--exit-code", note="overlapping names")
        talk("plan", "--exit-code", "--no-preflight", note="overlapping names")
    file = f"{folder}/first.json"
    talk("plan", "--out", file, note="first")
    talk("plan", "--out", file, "--exit-code", note="again")
    talk("deploy", "--plan", file, "--only", "service", "--allow", "no", note="wrong allow")
    talk("plan", "--discard", file, env="local", note="of another environment")
    talk("plan", "--discard", file)
    talk("plan", "--discard", file, note="again")
    talk("deploy", "--yes", "--only", "container-repository", note="empty")
    talk("deploy", note="answered yes", answers="YES\n")


def deployed(talk: Talk) -> None:
    """An environment with its six stacks: plans, kept plans, and what the guard blocks."""
    folder, copy = talk.copy.root.parent, talk.copy
    for verb in ("status", "drift"):
        talk(verb, note="deployed")
        talk(verb, "--json", note="deployed")
    talk("status", note="output is lost", stdout="/dev/full")
    talk("plan", note="deployed")
    talk("plan", "--json", note="deployed")
    talk("plan", "--exit-code", note="deployed")
    talk("deploy", "--yes", note="nothing to do")
    talk("deploy", "--json", note="nothing to do, nobody to ask")

    file = f"{folder}/plan.json"
    copy.parameter("MaxCapacity: 5")
    talk("plan", note="MaxCapacity 5")
    talk("plan", "--json", note="MaxCapacity 5")
    talk("plan", "--exit-code", note="MaxCapacity 5")
    talk("deploy", note="MaxCapacity 5, answered no", answers="\n")
    talk("plan", "--out", f"{copy.root}/README.md", note="another file")
    talk("plan", "--out", file, "--exit-code", "--json", note="MaxCapacity 5")
    text = Path(file).read_text()
    document = json.loads(text)
    document["allowed"].append("service:Service")
    Path(file).write_text(json.dumps(document))
    talk("deploy", "--plan", file, note="edited")
    Path(file).write_text(text)
    copy.parameter("MaxCapacity: 6")
    talk("deploy", "--plan", file, "--json", note="the checkout has changed")
    talk("deploy", "--yes", note="MaxCapacity 6")
    copy.parameter("MaxCapacity: 5")
    talk("deploy", "--plan", file, note="its stack has moved")
    talk("plan", "--out", file, "--only", "service-preference", note="MaxCapacity 5")
    talk("deploy", "--plan", file, "--only", "pipeline", note="not in the plan")
    talk("deploy", "--plan", file, "--json", note="as approved")
    talk("deploy", "--plan", file, note="done already")
    talk("plan", "--discard", file, "--json", note="done already")
    copy.parameter("HealthRate: 0.5")
    talk("plan", "--only", "task-definition", note="a new revision")
    talk("deploy", "--yes", note="a new revision")

    with copy.edited():
        copy.replace(
            "build/pipeline.yaml", "ComputePlatform: ECS", "ComputePlatform: ECS\n      ApplicationName: x"
        )
        talk("plan", note="replacement")
        talk("plan", "--exit-code", note="replacement")
        talk("plan", "--out", f"{folder}/blocked.json", "--json", note="replacement")
        talk("deploy", "--yes", note="replacement")
    with copy.edited():
        copy.replace("build/infrastructure.yaml", "Port: !Ref TestListenerPort", "Port: 9003")
        talk("deploy", "--yes", "--json", note="stack policy")
        talk("deploy", "--yes", "--allow", "infrastructure:TestListener", note="stack policy")
        talk("plan", "--allow", "infrastructure:TestListner", note="did you mean")
    talk("deploy", "--yes", "--allow", "infrastructure:TestListener", note="and back")
    with copy.edited():
        copy.replace("build/service.yaml", "PlatformVersion: LATEST", "PlatformVersion: 1.4.0")
        talk("plan", note="frozen service")
        talk("deploy", "--yes", "--allow", "service:Service", note="frozen service")
    with copy.edited():
        copy.replace("build/task-definition.yaml", "NetworkMode: awsvpc", "NetworkMode: nonsense")
        talk("deploy", "--yes", note="refused change set")
    with copy.edited():
        copy.replace("params/dev.yaml", "protected: false", "protected: true")
        talk("plan", note="protected")
        talk("destroy", "--yes", note="protected")
        talk("destroy", "--json", note="protected")
    with copy.edited():
        copy.replace(
            "build/service-preference.yaml",
            "Resources:\n",
            "Resources:\n  Broken:\n    Type: AWS::EC2::SecurityGroupIngress\n"
            "    Properties: {GroupId: sg-0123456789abcdef0, IpProtocol: '-1', CidrIp: 10.0.0.0/8}\n",
        )
        talk("deploy", "--yes", note="an update that fails")
        talk("deploy", "--yes", "--json", note="an update that fails")
    talk("status", note="an update was taken back")
    talk("plan", note="an update was taken back")


def held(talk: Talk) -> None:
    """The lock of another deployer, and the commit of another checkout."""
    store = client("ssm")

    def hold(value: str = "") -> tuple[str, dict[str, Any]]:
        record = {"who": "ann", "host": "elsewhere", "process": 1, "verb": "deploy", "since": 0.0}
        record |= {"until": 9e12, "nonce": "n", "released": False, "machine": ""}
        found = store.get_parameters_by_path(Path="/sample/dev/deploy/lock")["Parameters"]
        number = max([int(one["Name"].rpartition("/")[2]) for one in found], default=0) + 1
        name = f"/sample/dev/deploy/lock/{number}"
        store.put_parameter(Name=name, Value=value or json.dumps(record), Type="String")
        return name, record

    hold()
    talk("status", note="held")
    talk("status", "--json", note="held")
    talk("plan", "--exit-code", note="held")
    for verb in ("deploy", "rollback", "destroy", "continue-rollback"):
        talk(verb, "--yes", note="held")
    talk("deploy", "--yes", "--json", note="held")
    talk(
        *("deploy", "--yes", "--wait"),
        note="held, interrupted",
        awaits="waiting for",
        then=lambda process: process.send_signal(signal.SIGINT),
    )
    talk("continue-rollback", "--yes", "--break-lock", note="held")
    hold("edited")
    talk("status", note="edited lock")
    talk("deploy", "--yes", note="edited lock")
    talk("deploy", "--yes", "--break-lock", note="edited lock")
    name, record = hold()
    value = json.dumps(record | {"released": True})
    talk(
        *("deploy", "--yes", "--wait", "--json"),
        note="held for a moment",
        awaits="waiting for",
        then=lambda process: store.put_parameter(Name=name, Value=value, Overwrite=True),
    )

    copy = talk.copy
    copy.git("commit", "-q", "--allow-empty", "-m", "newer", date="2026-01-02T00:00:00Z")
    talk("deploy", "--yes", note="newer commit")
    copy.git("reset", "-q", "--soft", "HEAD~1")
    talk("deploy", "--yes", note="older commit")
    talk("deploy", "--yes", "--json", note="older commit")
    talk("deploy", "--yes", "--yes-older", note="older commit")
    talk("status", note="older commit")


def released(talk: Talk) -> None:
    """Releases, and the ways back."""
    releases = Releases()
    talk("rollback", note="deployed, no release")
    talk("rollback", "--yes", note="deployed, no release")
    deployment = releases.start(releases.register("example.com/app:2"))
    talk("status", note="shifting")
    talk("status", "--json", note="shifting")
    talk("drift", note="shifting")
    talk.copy.parameter("MaxCapacity: 7")
    talk("plan", "--exit-code", note="shifting")
    talk("deploy", "--yes", note="shifting")
    talk("rollback", note="nobody to ask")
    talk("rollback", note="answered no", answers="n\n")
    talk("rollback", "--yes", "--json", note="shifting")
    assert releases.status(deployment) == "Stopped"
    deployment = releases.start(releases.register("example.com/app:3"), AT_ONCE)
    talk(
        *("deploy", "--yes", "--wait"),
        note="release ends in a moment",
        awaits="waiting for",
        then=lambda process: releases.finish(deployment),
    )
    talk("status", note="green")
    talk("drift", "--json", note="green")
    with talk.copy.edited():
        talk.copy.replace(
            "build/infrastructure.yaml", "[HasCertificate, 443, 80]", "[HasCertificate, 443, 8080]"
        )
        talk("plan", note="listener while green is live")
    releases.release("example.com/app:4")
    talk("rollback", "--at-once", note="answered yes", answers="y\n")
    talk("rollback", "--yes", "--json", note="follows")
    releases.finish_all()
    talk("rollback", "--yes", note="the way back was gone before")
    client("logs").put_retention_policy(logGroupName="/ecs/sample-dev-api", retentionInDays=1)
    talk("drift", note="changed by hand")
    talk("drift", "--json", note="changed by hand")


def ended(talk: Talk) -> None:
    """`destroy`."""
    talk("destroy", note="nobody to ask")
    talk("destroy", note="answered no", answers="y\n")
    talk("destroy", "--json", note="answered", answers="dev\n")
    talk("status", note="destroyed")
    talk("destroy", note="destroyed already")


def stuck(talk: Talk) -> None:
    """`continue-rollback` of a stack that is UPDATE_ROLLBACK_FAILED."""
    talk("status", note="stuck")
    talk("plan", note="stuck")
    talk("deploy", "--yes", "--json", note="stuck")
    talk("continue-rollback", note="stuck, nobody to ask")
    talk("continue-rollback", "--yes", "--skip", "service-preference:Nothing", note="stuck")
    talk("continue-rollback", "--only", "service", note="another is stuck")
    talk("continue-rollback", "--skip", "service-preference:ScalableTarget", note="stuck", answers="n\n")
    talk("continue-rollback", "--yes", note="stuck")
    talk("continue-rollback", "--yes", "--json", note="not stuck any more")
    talk("plan", note="not stuck any more")


def get_stuck(state: Path) -> None:
    """Have a stack in the emulator's state be one whose update could not be taken back."""
    file = state / "state.json"
    text = file.read_text()
    stacks = json.loads(text)["services"]["cloudformation"]["stacks"]["data"]
    (stack,) = [one for one in stacks.values() if one["StackName"] == "sample-dev-service-preference"]
    was = json.dumps(stack)
    assert was in text
    now = json.dumps(stack | {"StackStatus": "UPDATE_ROLLBACK_FAILED", "StackStatusReason": "It is stuck."})
    file.write_text(text.replace(was, now))


def converse(tree: Tree, only: str | None = None) -> dict[str, Any]:
    """All conversations with a checkout, by name."""
    said: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        copy = tree.copy(Path(folder).resolve() / "project")
        copy.root.joinpath("params", "dev.yaml").write_bytes(
            copy.root.joinpath("params", "local.yaml").read_bytes()
        )
        copy.git("init", "-q", "-b", "main")
        copy.git("add", ".")
        copy.git("commit", "-q", "-m", "project")
        state = copy.root.parent / "emulator"

        def part(*parts: Any, address: str = "") -> None:
            for one in parts:
                if only and only not in one.__name__:
                    continue
                talk = Talk(copy, address)
                began = time.monotonic()
                one(talk)
                print(
                    f"{one.__name__}: {len(talk.said)} in {time.monotonic() - began:.0f} s", file=sys.stderr
                )
                assert not said.keys() & talk.said.keys(), said.keys() & talk.said.keys()
                said.update(talk.said)

        part(wrong_usage, wrong_files, generating, reviewing, running_here, on_the_emulator)
        with copy.serving(state) as address, with_address(address):
            part(empty, deployed, held, address=address)
        if not only or only == "stuck":
            get_stuck(state)
        with copy.serving(state) as address, with_address(address):
            part(stuck, released, ended, address=address)
    return said


def main() -> int:
    """Record BASE where that is not done yet, run NEW, and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base")
    parser.add_argument("new")
    parser.add_argument("--data", type=Path, default=Path("nets-data"), help="where recordings are kept")
    parser.add_argument("--only", help="a part by its function's name; nothing is recorded")
    options = parser.parse_args()
    if options.only:
        base = converse(Tree(options.base), options.only)
    else:
        base = recorded(options.data / "conversations.json", lambda: converse(Tree(options.base)))
    new = converse(Tree(options.new), options.only)
    return report(differences(base, new, EXPECTED, Tree(options.new)), "conversations", len(new))


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
