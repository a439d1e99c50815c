"""What the layers say of themselves, where it is missing, and values that a stack keeps for its life."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ecs_blue_green.deployer import environment, layers
from ecs_blue_green.deployer.cloudformation.describe import Stack
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.planning import plan
from ecs_blue_green.deployer.release import service
from ecs_blue_green.runtime import FixedAtCreation, LayerRuntime, Parameter
from tests.deployer.releases import AT_ONCE, Releases, client
from tests.deployer.shop import Shop
from tests.paths import RUNTIME

Edit = Callable[[Path], Any]

FILE = Path("build", "runtime.json")
LAYER = "infrastructure"


def said(root: Path, edit: Callable[[dict[str, Any]], Any]) -> None:
    """Change what the layers say."""
    document = json.loads((root / FILE).read_text())
    edit(document)
    (root / FILE).write_text(json.dumps(document))


def older(path: Path) -> None:
    path.write_text('{"schema": "runtime/0"}')


def newer(path: Path) -> None:
    path.write_text(path.read_text().replace('"runtime/1"', '"runtime/2"', 1))


def broken(path: Path) -> None:
    path.write_text(path.read_text().replace('"code-deploy"', '"by-hand"', 1))


def another_projects(path: Path) -> None:
    path.write_text(path.read_text().replace("service.ServiceName", "service.Name", 1))


UNUSABLE: dict[str, tuple[Edit, str]] = {
    "missing": (Path.unlink, "build/runtime.json is missing"),
    "older": (older, "its schema is runtime/0, and runtime/1 is known here"),
    "unknown": (newer, "its schema is runtime/2, and runtime/1 is known here"),
    "broken": (broken, "controller.type must be one of code-deploy"),
    "another project's": (another_projects, "service.yaml has no output Name"),
}


@pytest.mark.parametrize(("edit", "why"), UNUSABLE.values(), ids=UNUSABLE)
@pytest.mark.parametrize("verb", ["plan", "deploy", "drift", "image", "destroy", "continue-rollback"])
def test_verb_is_refused_before_any_call(
    verb: str,
    edit: Edit,
    why: str,
    project: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def connect(*_: object) -> None:
        raise AssertionError("AWS was asked")

    monkeypatch.setattr("ecs_blue_green.deployer.aws.connect", connect)
    edit(project / FILE)
    refused = Shop(project, "local", capsys).run(verb)
    assert refused["exit_code"] == 2
    assert why in f"{refused['error']['what']}: {refused['error']['why']}"
    assert refused["error"]["remedy"] == "run: make generate"


def test_build_that_has_no_template_is_told_as_such(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (project / "build").glob("*"):
        if path.is_file():
            path.unlink()
    assert Shop(project, "local", capsys).run("status")["error"]["what"] == "build/ has no template"


# Status and rollback.


@pytest.mark.parametrize(("edit", "why"), UNUSABLE.values(), ids=UNUSABLE)
def test_status_is_the_same_without_what_the_layers_say(edit: Edit, why: str, deployed: Shop) -> None:
    releases = Releases()
    deployment = releases.start(releases.register("example.com/app:2"))
    known = deployed.run("status")
    assert (known["live"]["colour"], known["live"]["deployment"]) == ("shifting", deployment)
    edit(deployed.root / FILE)
    assert deployed.run("status") == known
    code, _, talk = deployed.talk("status")
    assert code == 0
    assert why in talk.replace("\n", " ")
    assert "found by the types of the stacks' resources (run: make generate)" in talk.replace("\n", " ")


def test_all_that_a_release_goes_through_is_found_by_type(deployed: Shop) -> None:
    class Door:
        def client(self, name: str) -> Any:
            return client(name)

    stacks = {}
    for stack in client("cloudformation").describe_stacks()["Stacks"]:
        outputs = {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", [])}
        slug = stack["StackName"].removeprefix("sample-dev-")
        stacks[slug] = Stack(stack["StackName"], stack["StackId"], stack["StackStatus"], outputs=outputs)
    named = service.named(RUNTIME.controller, stacks)
    assert "" not in vars(named).values()
    assert service.found(Door(), stacks) == named  # type: ignore[arg-type]


def test_status_without_codedeploy_and_what_the_layers_say_tells_the_rest(deployed: Shop) -> None:
    (deployed.root / FILE).unlink()
    client("codedeploy").delete_application(applicationName="sample-dev-api")
    answer = deployed.run("status")
    assert answer["exit_code"] == 1
    assert any("AWS refused GetDeploymentGroup" in reason for reason in answer["unread"])
    assert answer["live"]["revision"].endswith("task-definition/sample-dev-api:1")


def test_empty_environment_has_a_status_without_what_the_layers_say(dev: Shop) -> None:
    known = dev.run("status")
    (dev.root / FILE).unlink()
    # Nothing says any more which parameters name the repository.
    assert dev.run("status") == {**known, "repository": {"own": None, "found": []}}


def test_running_release_is_stopped_without_what_the_layers_say(deployed: Shop) -> None:
    releases = Releases()
    before = deployed.run("status")["live"]["revision"]
    deployment = releases.start(releases.register("example.com/app:2"))
    (deployed.root / FILE).unlink()
    answer = deployed.run("rollback", "--yes")
    assert (answer["exit_code"], answer["action"], answer["deployment"]) == (0, "stop", deployment)
    assert (answer["returns"], answer["live"]["colour"]) == (before, "blue")


def test_release_before_is_deployed_again_without_what_the_layers_say(deployed: Shop) -> None:
    releases = Releases()
    first = releases.release("example.com/app:2")
    releases.finish(releases.start(releases.register("example.com/app:3"), AT_ONCE))
    newer(deployed.root / FILE)
    code, _, talk = deployed.talk("rollback", "--yes", "--at-once")
    assert code == 0
    assert "found by the types" in talk.replace("\n", " ")
    assert deployed.run("status")["live"]["revision"] == first


def test_nothing_to_go_back_to_is_told_without_what_the_layers_say(dev: Shop) -> None:
    (dev.root / FILE).unlink()
    refused = dev.run("rollback", "--yes")
    assert refused["exit_code"] == 3
    assert refused["error"]["why"] == "none of its deployed stacks has a deployment group"


def test_status_of_the_emulator_works_without_what_the_layers_say(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The network's names are unknown then; what was deployed is there all the same."""
    shop = Shop(project, "local", capsys)
    assert shop.run("deploy")["exit_code"] == 0
    known = shop.run("status")
    (project / FILE).unlink()
    assert shop.run("status") == known
    assert known["live"]["colour"] == "blue"


# Values that a stack keeps for its life: whether the cluster has Container Insights.

FIXED = "Insights"


def fix_at_creation(root: Path, new: str = "enhanced", old: str = "enabled") -> None:
    """Give the layer a parameter that is fixed at creation, as its module would."""
    path = root / "build" / f"{LAYER}.yaml"
    text = path.read_text()
    assert "Value: enabled" in text
    allowed = "[enabled, enhanced, disabled]"
    declaration = f"  {FIXED}: {{Type: String, AllowedValues: {allowed}, Default: {old}}}\n"
    text = text.replace("Value: enabled", f"Value: !Ref {FIXED}").replace(
        "Parameters:\n", f"Parameters:\n{declaration}", 1
    )
    path.write_text(text)
    entry = {"parameter": FIXED, "for_new_stacks": new, "for_older_stacks": old}
    said(root, lambda document: document["layers"][LAYER].update(fixed_at_creation=[entry]))


def decide_anew(root: Path, new: str) -> None:
    said(root, lambda document: document["layers"][LAYER]["fixed_at_creation"][0].update(for_new_stacks=new))


def kept() -> str | None:
    """The value that the stack has."""
    (stack,) = client("cloudformation").describe_stacks(StackName=f"sample-dev-{LAYER}")["Stacks"]
    values = {item["ParameterKey"]: item["ParameterValue"] for item in stack["Parameters"]}
    return values.get(FIXED)


def test_new_stack_gets_the_new_value_and_keeps_it(dev: Shop) -> None:
    fix_at_creation(dev.root)
    assert dev.run("deploy", "--yes")["exit_code"] == 0
    assert kept() == "enhanced"
    decide_anew(dev.root, "disabled")
    assert dev.run("plan", "--exit-code")["exit_code"] == 0
    # Also where something else of the layer changes.
    dev.replace(LAYER, "Description: Cluster, load balancer", "Description: A cluster, a load balancer")
    dev.replace(
        LAYER,
        "ClusterName: !Ref ClusterName",
        "ClusterName: !Ref ClusterName\n      Tags: [{Key: a, Value: b}]",
    )
    assert dev.results("deploy", "--yes", "--only", LAYER) == {LAYER: "done"}
    assert kept() == "enhanced"
    # What is made again is new.
    assert dev.run("destroy", "--yes")["exit_code"] == 0
    assert dev.run("deploy", "--yes")["exit_code"] == 0
    assert kept() == "disabled"


def test_stack_that_is_older_gets_the_value_of_older_stacks_for_ever(deployed: Shop) -> None:
    fix_at_creation(deployed.root)
    # A new parameter that takes the place of the same value is no change by itself.
    assert deployed.run("plan", "--exit-code")["exit_code"] == 0
    deployed.replace(LAYER, "HTTPS to AWS services", "HTTPS to the services of AWS")
    plan_file = str(deployed.root / "plan.json")
    planned = deployed.run("plan", "--out", plan_file)
    assert planned["exit_code"] == 0, planned["findings"]
    changed = [one["layer"] for one in planned["plan"] if one["action"] != "nothing"]
    assert changed == [LAYER]
    # What was approved is what is carried out, with the same value.
    assert deployed.run("deploy", "--plan", plan_file)["exit_code"] == 0
    assert kept() == "enabled"
    decide_anew(deployed.root, "disabled")
    assert deployed.run("plan", "--exit-code")["exit_code"] == 0


def test_value_cannot_be_set_in_the_parameter_file(dev: Shop) -> None:
    fix_at_creation(dev.root)
    path = dev.root / "params" / "dev.yaml"
    document = yaml.load(path.read_text(), Loader=yaml.BaseLoader)  # noqa: S506
    document["parameters"][FIXED] = "disabled"
    path.write_text(yaml.safe_dump(document))
    refused = dev.run("plan")
    assert refused["exit_code"] == 2
    assert f"parameters.{FIXED}: must not be set here: the deployer fills it in" in refused["error"]["why"]


def test_layer_without_such_values_is_approved_as_ever(project: Path) -> None:
    """A plan that was kept before layers could say this can still be executed."""

    def loaded() -> tuple[environment.Environment, Layer]:
        from ecs_blue_green import runtime

        known = runtime.read_runtime(project / "build")
        found = layers.read(project / "build", known)
        declared = {slug: layer.parameters for slug, layer in found.items()}
        return environment.load(project / "params", "local", declared, known), found[LAYER]

    said(project, lambda document: document["layers"][LAYER].pop("fixed_at_creation"))
    settings, layer = loaded()
    given = settings.parameters_for(layer.parameters)
    before = plan.digest([layer.body, layer.stack_policy, given, settings.stack_tags(LAYER)])
    assert plan.inputs_digest(settings, layer) == before
    fix_at_creation(project)
    settings, layer = loaded()
    tags = settings.stack_tags(LAYER)
    digests = {
        plan.inputs_digest(settings, one)
        for one in (
            layer,
            layer.keeping({FIXED: "disabled"}, tags),
            layer.keeping({}, tags),
            layer.keeping({FIXED: "enhanced"}, tags),
        )
    }
    assert len(digests) == 3
    assert layer.given(settings)[FIXED] == "enhanced"
    assert layer.keeping({}, {}).given(settings)[FIXED] == "enabled"


@pytest.mark.parametrize(
    ("stacks", "value"),
    [
        pytest.param({}, "new", id="none is there"),
        pytest.param({"a": {}}, "old", id="one is there from before"),
        pytest.param({"a": {FIXED: "other"}}, "other", id="one is there with a value"),
        pytest.param({"b": {FIXED: "other"}}, "other", id="it is the second"),
        pytest.param({"a": {}, "b": {FIXED: "other"}}, "old", id="the first one counts"),
        pytest.param({"c": {FIXED: "other"}}, "new", id="one that has nothing to say"),
    ],
)
def test_layers_that_fix_the_same_have_one_value(stacks: dict[str, dict[str, str]], value: str) -> None:
    """A stack that is made later has to fit to those that are there."""
    said = LayerRuntime(fixed_at_creation=(FixedAtCreation(Parameter(FIXED), "new", "old"),))

    def layer(slug: str, runtime: LayerRuntime) -> Layer:
        fixed = {str(one.parameter): one.for_new_stacks for one in runtime.fixed_at_creation}
        found = Layer(slug, "", {}, None, runtime, fixed)
        return found.keeping(stacks[slug], {}) if slug in stacks else found

    found = {"a": layer("a", said), "b": layer("b", said), "c": layer("c", LayerRuntime())}
    agreed = layers.agreed(found, stacks)
    assert {slug: dict(one.fixed) for slug, one in agreed.items()} == {
        "a": {FIXED: value},
        "b": {FIXED: value},
        "c": {},
    }
