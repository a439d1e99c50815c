"""Every way out that a message names leads there: each is followed, from the blocked state to its end."""

import ast
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecs_blue_green import deployer
from ecs_blue_green.deployer import remedies
from ecs_blue_green.deployer.planning import checks
from ecs_blue_green.deployer.remedies import Remedy
from tests.deployer.followed import follows, made
from tests.deployer.releases import AT_ONCE, CANARY, Releases, client
from tests.deployer.shop import Shop
from tests.deployer.test_guarded_deploy import set_parameter

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[2]


def all_remedies() -> dict[str, Remedy]:
    return {name: value for name, value in vars(remedies).items() if isinstance(value, Remedy)}


def followed() -> Iterator[str]:
    """The remedies that tests follow."""
    for path in FOLDER.parent.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            for decorator in getattr(node, "decorator_list", ()):
                if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "follows":
                    yield from (one.attr for one in decorator.args if isinstance(one, ast.Attribute))


def test_each_command_is_followed() -> None:
    commands = {name for name, remedy in all_remedies().items() if remedy.kind == "command"}
    assert commands - set(followed()) == set()


def test_those_that_need_aws_are_listed() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    needing = [name for name, remedy in all_remedies().items() if remedy.kind == "only on AWS"]
    assert [name for name in needing if not re.search(f"^- .*`{name}`.*: ", text, re.MULTILINE)] == []


# What begins a message with which a command ends, and where in it is said what to do next.
MESSAGES = {
    "Failure": 2,
    "Blocked": 2,
    "Failed": 2,
    "BadInput": 2,
    "Interrupted": 2,
    "StackFailed": 3,
    "Finding": 4,
    "kind": 2,
}
# A command, or a part of one, in the words of a message.
COMMAND = re.compile(r"\bmake [a-z-]+ (ENV|ONLY|ARGS)|\bmake generate|\b(ARGS|ALLOW|ONLY|YES)=|\baws [a-z]+ ")


def modules() -> Iterator[tuple[Path, ast.Module]]:
    """Those of the deployer that say something, without the one that has the remedies."""
    for path in sorted(Path(deployer.__file__).parent.rglob("*.py")):
        if path.name not in ("remedies.py", "commands.py"):
            yield path, ast.parse(path.read_text())


def is_remedy(node: ast.AST) -> bool:
    """Whether a remedy is asked for its words in a part of the code."""
    return any(
        isinstance(one, ast.Attribute) and getattr(one.value, "id", "") == "remedies"
        for one in ast.walk(node)
    )


def resolved(node: ast.expr, module: ast.Module) -> Iterator[ast.AST]:
    """What an argument says, and what the names and functions in it are in its module."""
    yield node
    names = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
    for one in ast.walk(module):
        if isinstance(one, ast.FunctionDef) and one.name in names:
            yield one
        elif isinstance(one, ast.Assign) and {getattr(each, "id", "") for each in one.targets} & names:
            yield one.value


def test_what_blocks_has_its_remedy_in_the_one_place() -> None:
    missing = []
    for path, module in modules():
        for node in ast.walk(module):
            name = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
            if not isinstance(node, ast.Call) or name not in ("Blocked", "Finding"):
                continue
            given = node.args[MESSAGES[name] :]
            if not any(is_remedy(part) for one in given for part in resolved(one, module)):
                missing.append(f"{path.name}:{node.lineno}")
    assert missing == []


def test_no_message_has_a_command_that_is_not_in_the_one_place() -> None:
    found = []
    for path, module in modules():
        for node in ast.walk(module):
            name = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
            if not isinstance(node, ast.Call) or name not in MESSAGES:
                continue
            for given in node.args[MESSAGES[name] :]:
                text = ast.unparse(given)
                if (COMMAND.search(text) or "commands.make" in text) and not is_remedy(given):
                    found.append(f"{path.name}:{node.lineno}")
    assert found == []


def blocked(shop: Shop, *arguments: str) -> dict[str, dict[str, Any]]:
    """What blocks a deploy, by rule; of several of one rule the last."""
    document = shop.run("deploy", "--yes", *arguments)
    assert document["exit_code"] == 3, document
    return {finding["rule"]: finding for finding in document["findings"]}


@follows(remedies.LET_GO_FIRST)
def test_connection_of_ones_own_takes_the_place_of_the_created_one(deployed: Shop) -> None:
    arn = client("codeconnections").create_connection(ConnectionName="own", ProviderType="GitHub")[
        "ConnectionArn"
    ]
    set_parameter(deployed, f"ConnectionArn: {arn}")
    found = blocked(deployed)
    assert set(found) == {"export-in-use", "replacement"}
    first, then = found["export-in-use"]["remedy"].partition(": ")[2].split("; ")
    assert (first, then) == (
        "make deploy ENV=dev ONLY=pipeline",
        "make deploy ENV=dev ALLOW=infrastructure:Connection",
    )
    # The second alone stays blocked, so it is not offered alone.
    assert "once [export-in-use]" in found["replacement"]["remedy"]
    assert set(blocked(deployed, "--allow", "infrastructure:Connection")) == {"export-in-use"}
    for command in (first, then):
        assert made(deployed, command)["exit_code"] == 0
    outputs = {stack["layer"]: stack["outputs"] for stack in deployed.run("status")["stacks"]}
    assert outputs["infrastructure"]["ConnectionArn"] == arn
    pipeline = client("codepipeline").get_pipeline(name="sample-dev")["pipeline"]
    assert pipeline["stages"][0]["actions"][0]["configuration"]["ConnectionArn"] == arn
    assert {step["action"] for step in deployed.run("plan")["plan"]} == {"nothing"}


@follows(remedies.ALLOW)
def test_what_is_named_is_let_through(deployed: Shop) -> None:
    deployed.replace("infrastructure", "\n      Port: !Ref TestListenerPort", "\n      Port: 9443")
    (finding,) = blocked(deployed).values()
    assert finding["rule"] == "stack-policy"
    assert finding["remedy"] == "if that is meant: ALLOW=infrastructure:TestListener"
    allow = finding["remedy"].partition("ALLOW=")[2]
    assert made(deployed, f"make deploy ENV=dev ALLOW={allow}")["exit_code"] == 0


def one_command(text: str) -> str:
    """The command that lets everything through, which stands alone in its line."""
    lines = text.splitlines()
    (index,) = [i for i, line in enumerate(lines) if "meant:" in line and "that is" not in line]
    return lines[index + 1].strip()


def block_three(shop: Shop) -> list[str]:
    """Change what two rules block in two layers, and give how ALLOW names it."""
    shop.replace("infrastructure", "\n      Port: !Ref TestListenerPort", "\n      Port: 9443")
    for metric in ("cpu", "memory"):
        shop.replace("service-preference", f"PolicyName: {metric}\n", f"PolicyName: {metric}-target\n")
    return [
        "infrastructure:TestListener",
        "service-preference:CpuScalingPolicy",
        "service-preference:MemoryScalingPolicy",
    ]


@follows(remedies.ALLOW_ALL)
def test_one_command_lets_all_that_is_blocked_through(deployed: Shop) -> None:
    names = block_three(deployed)
    document = deployed.run("plan")
    assert {finding["rule"] for finding in document["findings"]} == {"stack-policy", "replacement"}
    assert document["allow"] == names
    command = one_command(deployed.talk("plan")[1])
    assert command == f"make deploy ENV=dev ALLOW='{' '.join(names)}'"
    assert one_command(deployed.talk("deploy", "--yes")[1]) == command
    assert made(deployed, command)["exit_code"] == 0
    assert {step["action"] for step in deployed.run("plan")["plan"]} == {"nothing"}


def test_one_command_has_what_was_given_with_it(deployed: Shop) -> None:
    first, *others = block_three(deployed)
    _, text, _ = deployed.talk("plan", "--only", "service-preference", "--allow", first)
    command = one_command(text)
    assert command == f"make deploy ENV=dev ONLY=service-preference ALLOW='{' '.join([first, *others])}'"
    # A single one has said it already.
    assert "if they are meant" not in deployed.talk("plan", "--allow", others[0], "--allow", first)[1]


def test_plan_that_is_to_be_kept_is_made_again_with_one_command(deployed: Shop) -> None:
    names = block_three(deployed)
    kept = deployed.root / "plan.json"
    command = one_command(deployed.talk("plan", "--out", str(kept))[1])
    assert command == f"make plan ENV=dev ALLOW='{' '.join(names)}' ARGS='--out {kept}'"
    assert made(deployed, command)["exit_code"] == 0
    assert deployed.run("deploy", "--plan", str(kept))["exit_code"] == 0


@follows(remedies.ALLOW_ALL_LATER)
def test_one_command_lets_the_others_through_once_the_rest_is_out_of_the_way(deployed: Shop) -> None:
    releases = Releases()
    releases.release()
    names = block_three(deployed)
    document = deployed.run("plan")
    assert "listener-live" in {finding["rule"] for finding in document["findings"]}
    _, text, _ = deployed.talk("plan")
    assert "once [listener-live] is out of the way, the others, if meant:" in text
    releases.release()
    assert document["allow"] == names
    assert made(deployed, one_command(text))["exit_code"] == 0


@follows(remedies.BLUE_AGAIN, remedies.ALLOW_LATER)
def test_listener_is_changed_once_blue_is_live_again(deployed: Shop) -> None:
    releases = Releases()
    releases.release()
    deployed.replace("infrastructure", "\n      Port: !Ref TestListenerPort", "\n      Port: 9443")
    found = blocked(deployed)
    assert set(found) == {"listener-live", "stack-policy"}
    assert "brings blue back" in found["listener-live"]["remedy"]
    later = found["stack-policy"]["remedy"]
    assert later == (
        "once [listener-live] is out of the way, if that is meant: ALLOW=infrastructure:TestListener"
    )
    releases.release()
    assert set(blocked(deployed)) == {"stack-policy"}
    assert made(deployed, f"make deploy ENV=dev ALLOW={later.partition('ALLOW=')[2]}")["exit_code"] == 0


@follows(remedies.WAIT_OR_STOP)
def test_release_that_runs_is_stopped_or_waited_for(deployed: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    releases = Releases()
    running = releases.start(releases.register(), CANARY)
    deployed.replace("pipeline", "Description: Name of the pipeline", "Description: The pipeline's name")
    set_parameter(deployed, "ArtifactRetentionDays: 60")
    remedy = blocked(deployed)["release-running"]["remedy"]
    assert "ARGS=--wait" in remedy
    assert made(deployed, remedy.partition("stop it: ")[2])["exit_code"] == 0
    assert releases.status(running) == "Stopped"
    assert made(deployed, "make deploy ENV=dev")["exit_code"] == 0

    running = releases.start(releases.register(), AT_ONCE)
    set_parameter(deployed, "ArtifactRetentionDays: 61")
    assert set(blocked(deployed)) == {"release-running"}
    monkeypatch.setattr(checks, "RELEASE_POLL_SECONDS", 0.2)
    ending = threading.Thread(target=releases.finish, args=[running])
    ending.start()
    assert made(deployed, "make deploy ENV=dev ARGS=--wait")["exit_code"] == 0
    ending.join()


def test_allow_is_not_offered_for_what_stays_blocked(deployed: Shop) -> None:
    """The stack policy could be lifted for the service, and ECS refuses the change all the same."""
    deployed.replace("service", "PlatformVersion: !Ref PlatformVersion", "PlatformVersion: 1.4.0")
    found = blocked(deployed)
    assert set(found) == {"service-frozen", "stack-policy"}
    assert "ALLOW" not in str(found)


def test_key_of_images_that_is_set_later_is_not_offered(deployed: Shop) -> None:
    set_parameter(deployed, "KmsKeyArn: arn:aws:kms:ap-northeast-1:000000000000:key/0")
    found = blocked(deployed, "--no-preflight")
    assert set(found) == {"replacement", "export-in-use"}
    assert "ALLOW" not in str(found)
