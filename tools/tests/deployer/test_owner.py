"""Whose environment it is: what another copy with the same names may do to it, which is nothing."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ecs_blue_green.deployer import command_line, remedies
from ecs_blue_green.deployer.cloudformation.describe import Stack
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import BadInput
from ecs_blue_green.deployer.execution import owner
from ecs_blue_green.deployer.execution import records as records_beside_the_lock
from ecs_blue_green.deployer.execution.owner import Owner, Record
from ecs_blue_green.deployer.execution.records import Records
from ecs_blue_green.deployer.release import rollback
from tests.deployer.followed import follows
from tests.deployer.releases import Releases, client
from tests.deployer.shop import LAYERS, Shop
from tests.paths import RUNTIME

# All but those that only look.
WRITING = sorted(command_line.VERBS.keys() - {"status", "logs", "drift", "review"})
ASKING = {"deploy", "destroy", "rollback", "continue-rollback", "restore"}
RECORD = "/sample/dev/deploy/environment"
STACK = "sample-dev-pipeline"


def become(shop: Shop, owner_name: str, repository: str = "shop") -> None:
    """Have the checkout be of another repository, as another team's copy is."""
    path = shop.root / "params" / f"{shop.env}.yaml"
    text = re.sub(r"GitHubOwner: .*", f"GitHubOwner: {owner_name}", path.read_text())
    path.write_text(re.sub(r"GitHubRepository: .*", f"GitHubRepository: {repository}", text))


def attempt(shop: Shop, verb: str, *arguments: str) -> dict[str, Any]:
    return shop.run(verb, *(["--yes"] if verb in ASKING else []), *arguments)


def everything() -> tuple[Any, ...]:
    """What nobody else may change: the stacks, their change sets, what is deployed, and the records."""
    stacks = client("cloudformation").describe_stacks()["Stacks"]
    sets = [
        one["ChangeSetId"]
        for stack in stacks
        for one in client("cloudformation").list_change_sets(StackName=stack["StackId"])["Summaries"]
    ]
    deployments = client("codedeploy").list_deployments()["deployments"]
    return (
        [(stack["StackId"], stack["StackStatus"], stack.get("LastUpdatedTime")) for stack in stacks],
        sets,
        deployments,
        {name: value for name, value in records() if "/lock/" not in name},
    )


def records() -> Iterator[tuple[str, str]]:
    pages = client("ssm").get_paginator("get_parameters_by_path").paginate(Path="/sample", Recursive=True)
    yield from ((found["Name"], found["Value"]) for page in pages for found in page["Parameters"])


def refuse_all(shop: Shop, place: str) -> None:
    """Every verb that writes is blocked, names both repositories, and leaves everything as it is."""
    before = everything()
    for verb in WRITING:
        blocked = attempt(shop, verb)
        assert (blocked["exit_code"], [found["rule"] for found in blocked["findings"]]) == (
            3,
            ["other-repository"],
        ), verb
        for text in (blocked["findings"][0]["reason"], blocked["error"]["why"]):
            assert "is the environment of acme/shop" in text and "is other/copy's" in text, verb
            assert place in text, verb
    assert everything() == before


def follow(shop: Shop, remedy: str) -> dict[str, Any]:
    """Type what a remedy says to type."""
    _, verb, env, *variables = shlex.split(remedy[remedy.index("make ") :].partition(";")[0])
    assert env == f"ENV={shop.env}"
    given = dict(variable.split("=", 1) for variable in variables)
    assert given.keys() == {"ARGS"}
    return attempt(shop, verb, *shlex.split(given["ARGS"]))


def test_other_copy_is_blocked_by_the_record_before_there_is_a_pipeline(dev: Shop) -> None:
    assert dev.run("deploy", "--yes", "--only", "container-repository")["exit_code"] == 0
    assert json.loads(dict(records())[RECORD])["repository"] == "acme/shop"
    become(dev, "other", "copy")
    refuse_all(dev, f"the record {RECORD}")


def test_other_copy_is_blocked_by_the_pipelines_stack_without_a_record(deployed: Shop) -> None:
    releases = Releases()
    releases.release()
    client("ssm").delete_parameter(Name=RECORD)
    become(deployed, "other", "copy")
    refuse_all(deployed, f"the stack {STACK}")


def test_person_is_told_both_and_what_to_type(deployed: Shop) -> None:
    become(deployed, "other", "copy")
    code, out, err = deployed.talk("rollback", "--yes")
    assert (code, out) == (3, "")
    assert "error: nothing was changed: blocked by other-repository" in err
    assert "is the environment of acme/shop, as the stack sample-dev-pipeline says" in err
    assert "choose another `project:` in params/dev.yaml" in err
    assert "make rollback ENV=dev ARGS='--moved-from acme/shop'" in err


def test_same_repository_is_the_same_whatever_its_case(deployed: Shop) -> None:
    become(deployed, "ACME", "Shop")
    assert deployed.run("plan")["exit_code"] == 0


@follows(remedies.OTHER_REPOSITORY)
def test_renamed_repository_takes_its_environment_along(deployed: Shop) -> None:
    become(deployed, "acme", "store")
    plan = deployed.run("plan")
    shown = follow(deployed, plan["findings"][0]["remedy"])
    assert shown["exit_code"] == 0
    (step,) = [one for one in shown["plan"] if one["action"] != "nothing"]
    assert (step["layer"], step["action"]) == ("pipeline", "update")
    # A wrong name moves nothing.
    assert deployed.run("deploy", "--yes", "--moved-from", "acme/another")["exit_code"] == 3
    done = follow(deployed, deployed.run("deploy", "--yes")["findings"][0]["remedy"])
    assert done["exit_code"] == 0

    # From now on the option is not needed, and the old name is somebody else's.
    assert deployed.run("deploy", "--yes")["exit_code"] == 0
    become(deployed, "acme", "shop")
    reason = deployed.run("deploy", "--yes")["findings"][0]["reason"]
    assert "is the environment of acme/store" in reason and "is acme/shop's" in reason


def test_move_that_did_not_reach_the_pipeline_goes_on(deployed: Shop) -> None:
    become(deployed, "acme", "store")
    moved = ("--moved-from", "acme/shop")
    assert deployed.run("deploy", "--yes", "--only", "infrastructure", *moved)["exit_code"] == 0
    (finding,) = deployed.run("deploy", "--yes")["findings"]
    assert f"acme/shop, as the stack {STACK} says" in finding["reason"]
    assert follow(deployed, finding["remedy"])["exit_code"] == 0
    assert deployed.run("deploy", "--yes")["exit_code"] == 0


@pytest.mark.parametrize("verb", WRITING)
def test_every_verb_that_writes_goes_on_after_a_renaming(
    deployed: Shop, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rollback must not have to wait for a deploy."""
    monkeypatch.setattr(rollback, "POLL_SECONDS", 0.05)
    if verb == "rollback":
        releases = Releases()
        releases.start(releases.register("example.com/app:2"))
    become(deployed, "acme", "store")
    assert attempt(deployed, verb, "--moved-from", "acme/shop")["exit_code"] == 0


def test_plan_that_moves_an_environment_is_executed_as_approved(deployed: Shop) -> None:
    become(deployed, "acme", "store")
    file = str(deployed.root / "kept.json")
    assert deployed.run("plan", "--out", file, "--moved-from", "acme/shop")["exit_code"] == 0
    assert deployed.results("deploy", "--yes", "--plan", file)["pipeline"] == "done"
    assert deployed.run("plan")["exit_code"] == 0


def test_name_that_is_no_repository_is_told(dev: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command_line.main(["deploy", "--env", "dev", "--moved-from", "shop"], dev.root)
    assert ended.value.code == 2
    assert "is not OWNER/REPOSITORY, as in acme/shop" in capsys.readouterr().err


def test_status_says_whose_it_is(deployed: Shop) -> None:
    own = deployed.run("status")["repository"]
    assert own == {
        "own": "acme/shop",
        "found": [
            {"repository": "acme/shop", "place": f"the stack {STACK}"},
            {"repository": "acme/shop", "place": f"the record {RECORD}"},
        ],
    }
    assert "environment of" not in deployed.talk("status")[1]
    become(deployed, "other", "copy")
    code, out, _ = deployed.talk("status")
    assert code == 0
    said = " ".join(out.split())
    assert f"repository this is the environment of acme/shop, as the stack {STACK} says, and not of" in said


def test_rollback_without_runtime_json_knows_it_from_the_record(
    deployed: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollback, "POLL_SECONDS", 0.05)
    releases = Releases()
    releases.start(releases.register("example.com/app:2"))
    (deployed.root / "build" / "runtime.json").unlink()
    become(deployed, "other", "copy")
    blocked = deployed.run("rollback", "--yes")
    assert [found["rule"] for found in blocked["findings"]] == ["other-repository"] * 2
    become(deployed, "acme", "shop")
    assert deployed.run("rollback", "--yes")["exit_code"] == 0


@pytest.mark.parametrize(
    "text", ["nonsense", "[]", '{"layers": 1}', '{"layers": [1]}', '{"parameters": 1}', '{"repository": 1}']
)
def test_record_that_cannot_be_read_says_nothing(text: str) -> None:
    class Edited:
        def get_parameters(self, Names: list[str]) -> Any:  # noqa: N803
            return {"Parameters": [{"Name": Names[0], "Value": text}]}

    shop = Environment("prod", "1" * 12, "eu-west-1", "shop", True, {}, {}, ())
    assert owner.read(Edited(), shop) == Record()


def test_record_that_cannot_be_read_is_written_anew(deployed: Shop) -> None:
    client("ssm").put_parameter(Name=RECORD, Value="nonsense", Overwrite=True)
    assert deployed.run("deploy", "--yes")["exit_code"] == 0
    assert json.loads(dict(records())[RECORD])["repository"] == "acme/shop"


def test_destroy_forgets_it_and_the_next_one_may_be_anybodys(deployed: Shop) -> None:
    assert deployed.results("destroy", "--yes") == dict.fromkeys(LAYERS, "done")
    assert dict(records()) == {}
    become(deployed, "other", "copy")
    assert deployed.run("deploy", "--yes", "--only", "container-repository")["exit_code"] == 0


def test_stack_of_another_project_says_nothing_of_this_one(built: Any) -> None:
    values = {"GitHubOwner": "acme", "GitHubRepository": "shop"}
    shop = Environment("prod", "1" * 12, "eu-west-1", "shop", True, {}, values, tuple(built))
    others = {"GitHubOwner": "other", "GitHubRepository": "copy"}
    stack = Stack("shop-prod-pipeline", "arn", "CREATE_COMPLETE", parameters=others)
    assert owner.of(shop, built, RUNTIME, Record(), {"pipeline": stack}).others == ()
    ours = Stack(stack.name, "arn", stack.status, parameters=others, tags=shop.stack_tags("pipeline"))
    assert owner.of(shop, built, RUNTIME, Record(), {"pipeline": ours}).others == (
        Owner("other/copy", "the stack shop-prod-pipeline"),
    )
    # Where nothing says which parameters have it, nobody else is accused.
    unknown = owner.of(shop, built, BadInput("runtime.json is missing"), Record(), {"pipeline": ours})
    assert (unknown.own, unknown.others) == (None, ())


def test_whoever_may_not_read_the_record_is_told_by_the_stack_alone() -> None:
    class Closed:
        def get_parameters(self, **_: Any) -> Any:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetParameters")

    shop = Environment("prod", "1" * 12, "eu-west-1", "shop", True, {}, {}, ())
    assert owner.read(Closed(), shop) == Record()


def test_whoever_may_read_the_record_alone_is_told_by_it() -> None:
    class Narrow:
        def get_parameters(self, Names: list[str]) -> Any:  # noqa: N803
            if Names != [f"/{shop.project}/{shop.name}/deploy/environment"]:
                raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetParameters")
            return {"Parameters": [{"Name": Names[0], "Value": '{"repository": "acme/shop"}'}]}

    shop = Environment("prod", "1" * 12, "eu-west-1", "shop", True, {}, {}, ())
    # What was deployed last is not known, which is not the same as nothing.
    assert records_beside_the_lock.read(Narrow(), shop) == Records(Record("acme/shop"), None)


def test_project_that_every_copy_has_is_warned_about(dev: Shop) -> None:
    for arguments in (["plan"], ["deploy", "--yes", "--only", "container-repository"]):
        code, _, err = dev.talk(*arguments)
        assert code == 0
        said = "params/dev.yaml says project: sample, as every copy of these files does"
        assert said in " ".join(err.split())
    path = dev.root / "params" / "dev.yaml"
    path.write_text(path.read_text().replace("project: sample", "project: shop"))
    assert "every copy" not in dev.talk("plan")[2]


def test_emulator_on_this_machine_is_nobodys(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    local = Shop(project, "local", capsys)
    assert local.run("deploy", "--only", "container-repository")["exit_code"] == 0
    become(local, "other", "copy")
    code, _, err = local.talk("plan")
    assert code == 0 and "every copy" not in err
    assert local.run("status")["repository"] == {"own": None, "found": []}
