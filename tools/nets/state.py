"""An environment that BASE deployed, released into and rolled back is operated by NEW as BASE would.

Usage: BASE/.venv/bin/python tools/nets/state.py BASE NEW [--data FOLDER]

The environment is made once by BASE and kept in FOLDER/state: the emulator's state, the repository that it
was deployed from, and two kept plans. It has the lock and the change set of a deployer that was killed. Both
checkouts then go on from there, with BASE's build/ (and what NEW has beside that), and must say the same. In
the end NEW plans its own build/ on it: nothing but Verify's specification may change. Exit code 0: all of
that holds.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conversations import Talk
from releases import Releases, client, with_address
from trees import CREDENTIALS, Copy, Tree, differences, masked, masked_document, report

# What is different on purpose: the conversation and the reason.
EXPECTED: dict[str, str] = {}
MAY_CHANGE = {("pipeline", "VerifyProject", "modify")}
# Of the recorded repository; the rest is the checkout's.
KEPT = ("build", "params", ".git")


def make(tree: Tree, folder: Path) -> None:
    """Have a checkout make the environment, and keep it in a folder."""
    with tempfile.TemporaryDirectory() as place:
        copy = tree.copy(Path(place).resolve() / "project")
        params = copy.root / "params"
        shutil.copy(params / "local.yaml", params / "dev.yaml")
        copy.git("init", "-q", "-b", "main")
        copy.git("add", ".")
        copy.git("commit", "-q", "-m", "project")
        state = Path(place).resolve() / "emulator"
        with copy.serving(state) as address, with_address(address):
            variables = {**CREDENTIALS, "AWS_ENDPOINT_URL": address}

            def run(code: int, *arguments: str, **options: Any) -> None:
                command = [copy.python(), "deploy.py", *arguments]
                answer = copy.run(command, **{**variables, **options})
                assert answer["code"] == code, answer

            run(0, "deploy", "--env", "dev", "--yes")
            releases = Releases()
            releases.release("example.com/app:1")
            releases.release("example.com/app:2")
            run(0, "rollback", "--env", "dev", "--yes", "--at-once")
            releases.finish_all()
            releases.release("example.com/app:3")
            # One that is out of date, and one that is not.
            shutil.copy(params / "dev.yaml", params / "dev.before")
            copy.parameter("ImageRetentionCount: 12")
            run(0, "plan", "--env", "dev", "--out", str(folder / "moved.json"))
            run(0, "deploy", "--env", "dev", "--yes", "--only", "container-repository")
            shutil.move(params / "dev.before", params / "dev.yaml")
            run(0, "deploy", "--env", "dev", "--yes")
            shutil.copy(params / "dev.yaml", folder / "dev.yaml")
            copy.parameter("MaxCapacity: 5")
            run(0, "plan", "--env", "dev", "--out", str(folder / "kept.json"))
            shutil.move(params / "dev.yaml", folder / "planned.yaml")
            # The last deployer was killed while it asked: its lock and its change set are left.
            shutil.copy(folder / "dev.yaml", params / "dev.yaml")
            copy.parameter("HealthRate: 0.5")
            run(
                -signal.SIGKILL,
                "deploy",
                "--env",
                "dev",
                answers="",
                awaits="[y/N]",
                then=subprocess.Popen.kill,
            )
            shutil.copy(folder / "dev.yaml", params / "dev.yaml")
        for name in KEPT:
            shutil.copytree(copy.root / name, folder / "project" / name)
        shutil.copytree(state, folder / "emulator", ignore=shutil.ignore_patterns("lock"))


def settled(tree: Tree, kept: Path, place: Path, *, own: bool) -> Copy:
    """A copy of the checkout in the place of the repository that the environment was deployed from."""
    copy = tree.copy(place / "project")
    for name in KEPT:
        if name == ".git" or not own:
            shutil.copytree(kept / "project" / name, copy.root / name, dirs_exist_ok=True)
    shutil.copy(kept / "dev.yaml", copy.root / "params" / "dev.yaml")
    for plan in kept.glob("*.json"):
        shutil.copy(plan, place / plan.name)
    shutil.copytree(kept / "emulator", place / "emulator")
    return copy


def records(copy: Copy) -> Any:
    """The lock and the history, as they are in the Parameter Store."""
    found = client("ssm").get_parameters_by_path(Path="/sample/dev/deploy", Recursive=True)["Parameters"]
    told = []
    for one in sorted(found, key=lambda record: record["Name"]):
        *way, last = one["Name"].split("/")
        value = masked_document(json.loads(one["Value"]), copy)
        told.append({"name": "/".join([*way, "<number>" if last.isdigit() else last]), "value": value})
    return told


def change_sets(copy: Copy) -> list[str]:
    """What is waiting to be executed."""
    cloudformation = client("cloudformation")
    names = [stack["StackName"] for stack in cloudformation.describe_stacks()["Stacks"]]
    found = [
        f"{name}: {masked(one['ChangeSetName'], copy)}"
        for name in names
        for one in cloudformation.list_change_sets(StackName=name)["Summaries"]
        if one["ExecutionStatus"] == "AVAILABLE"
    ]
    return sorted(found)


def operated(tree: Tree, kept: Path) -> dict[str, Any]:
    """What a checkout says of the environment that is kept, and does with it, to its end."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder).resolve()
        copy = settled(tree, kept, place, own=False)
        with copy.serving(place / "emulator") as address, with_address(address):
            talk = Talk(copy, address)

            def look(note: str) -> None:
                talk.said[f"records ({note})"] = records(copy)
                talk.said[f"change sets ({note})"] = change_sets(copy)

            look("as it was left")
            talk("status")
            talk("status", "--json")
            talk("plan", "--exit-code", note="nothing changes")
            talk("plan", "--json", note="nothing changes")
            talk("drift")
            talk("drift", "--json")
            look("before a deploy")
            talk("deploy", "--yes", note="nothing changes")
            look("after a deploy")
            shutil.copy(kept / "planned.yaml", copy.root / "params" / "dev.yaml")
            talk("deploy", "--plan", str(place / "moved.json"))
            talk("deploy", "--plan", str(place / "kept.json"), "--json")
            talk("plan", "--exit-code", note="after the kept plan")
            talk("plan", "--discard", str(place / "moved.json"))
            talk("rollback", note="nobody to ask")
            talk("rollback", "--yes", "--at-once", "--json")
            Releases().finish_all()
            talk("status", "--json", note="rolled back")
            talk("rollback", "--yes", note="once more")
            talk("continue-rollback", "--yes")
            look("rolled back")
            talk("destroy", "--yes", "--json")
            talk("status", "--json", note="destroyed")
            look("destroyed")
        return talk.said


def own_build(tree: Tree, kept: Path) -> Iterator[tuple[str, str]]:
    """What a checkout's own `build/` would change that it must not; says what became of the kept plan."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder).resolve()
        copy = settled(tree, kept, place, own=True)
        with copy.serving(place / "emulator") as address, with_address(address):
            talk = Talk(copy, address)
            answer = talk("plan", "--json", note="own build/")
            if answer["code"]:
                yield "plan of its own build/", answer["err"]
                return
            for step in json.loads(answer["out"])["plan"]:
                for change in step["changes"]:
                    found = step["layer"], change["logical_id"], change["action"]
                    print(f"own build/: {' '.join(found)}", file=sys.stderr)
                    if found not in MAY_CHANGE:
                        yield "plan of its own build/", json.dumps(change, indent=1)
            shutil.copy(kept / "planned.yaml", copy.root / "params" / "dev.yaml")
            answer = talk("deploy", "--plan", str(place / "kept.json"), "--only", "service-preference")
            print(
                f"own build/: the kept plan ends with {answer['code']} {answer['err'][:200]}", file=sys.stderr
            )


def main() -> int:
    """Make the environment where it is not yet, have both checkouts operate it, and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base")
    parser.add_argument("new")
    parser.add_argument("--data", type=Path, default=Path("nets-data"), help="where the environment is kept")
    options = parser.parse_args()
    kept = (options.data / "state").resolve()
    if not (kept / "emulator").exists():
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(parents=True)
        make(Tree(options.base), kept)
        print(f"recorded {kept}", file=sys.stderr)
    base, new = (operated(Tree(tree), kept) for tree in (options.base, options.new))

    def all_of_it() -> Iterator[tuple[str, str]]:
        yield from differences(base, new, EXPECTED, Tree(options.new))
        yield from own_build(Tree(options.new), kept)

    return report(all_of_it(), "answers about the kept environment", len(new))


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
