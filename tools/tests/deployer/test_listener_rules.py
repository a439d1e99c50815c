"""Listener rules that send requests to the service: CodeDeploy moves them, so nothing else may."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ecs_blue_green.deployer import environment
from ecs_blue_green.deployer.effects import comparison
from ecs_blue_green.deployer.effects.states import ResolvedState, desired_state
from ecs_blue_green.deployer.effects.traffic import moved_rules
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.layers import Layer, parse
from tests.deployer.releases import Releases, client
from tests.deployer.shop import Shop
from tests.paths import PROJECT, RUNTIME

RULE = """\
  {name}:
    Type: AWS::ElasticLoadBalancingV2::ListenerRule
    Properties:
      ListenerArn: !Ref {listener}
      Priority: {priority}
      Conditions:
      - Field: path-pattern
        PathPatternConfig:
          Values: [{paths}]
      Actions:
      - Type: forward
        TargetGroupArn: !Ref {group}
"""
OUTPUTS = "\nOutputs:\n"
RULE_NAME = "infrastructure:ApiRule"
LIVE = ("listener-live", "infrastructure", "ApiRule")
POLICY = ("stack-policy", "infrastructure", "ApiRule")


def rule(
    name: str = "ApiRule",
    *paths: str,
    listener: str = "ProductionListener",
    group: str = "BlueTargetGroup",
    priority: int = 10,
) -> str:
    """A rule as a template has it."""
    quoted = ", ".join(f"'{path}'" for path in paths or ("/api/*",))
    return RULE.format(name=name, paths=quoted, listener=listener, group=group, priority=priority)


def add(shop: Shop, *rules: str) -> None:
    """Add rules to the template with the listeners."""
    shop.replace("infrastructure", OUTPUTS, "\n" + "".join(rules) + OUTPUTS.lstrip("\n"))


def findings(document: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {(found["rule"], found["layer"], found["resource"]) for found in document.get("findings", [])}


def moved(shop: Shop) -> dict[str, int]:
    """The weights of the rule for /api/* by colour, as Elastic Load Balancing has them."""
    outputs = {
        item["OutputKey"]: item["OutputValue"]
        for item in client("cloudformation").describe_stacks(StackName="sample-dev-infrastructure")["Stacks"][
            0
        ]["Outputs"]
    }
    colours = {outputs["BlueTargetGroupArn"]: "blue", outputs["GreenTargetGroupArn"]: "green"}
    found = client("elbv2").describe_rules(ListenerArn=outputs["ProductionListenerArn"])["Rules"]
    (api,) = [one for one in found if one["Conditions"] and "/api/*" in one["Conditions"][0]["Values"]]
    groups = api["Actions"][0]["ForwardConfig"]["TargetGroups"]
    return {colours[group["TargetGroupArn"]]: group["Weight"] for group in groups if group["Weight"]}


def deployed_policy() -> Any:
    answer = client("cloudformation").get_stack_policy(StackName="sample-dev-infrastructure")
    return json.loads(answer["StackPolicyBody"])


def own_policy(shop: Shop) -> Any:
    return json.loads((shop.root / "build" / "infrastructure.stack-policy.json").read_text())


@pytest.fixture
def ruled(deployed: Shop) -> Iterator[Shop]:
    """A deployed environment with a rule for /api/* on the production listener, and blue live."""
    add(deployed, rule())
    assert deployed.results("deploy", "--yes", "--only", "infrastructure") == {"infrastructure": "done"}
    yield deployed


def test_rule_is_guarded_as_its_listener_while_green_is_live(ruled: Shop) -> None:
    assert moved(ruled) == {"blue": 1}
    Releases().release()
    assert moved(ruled) == {"green": 100}
    assert ruled.run("status")["live"]["colour"] == "green"

    # What CodeDeploy did is its own business.
    drift = ruled.run("drift")
    assert (drift["exit_code"], drift["summary"]["real"]) == (0, 0)
    resources = {one["logical_id"]: one for stack in drift["stacks"] for one in stack["resources"]}
    assert resources["ApiRule"]["verdict"] == "delegated"

    # One more path, another rule, and none any more.
    template = (ruled.root / "build" / "infrastructure.yaml").read_text()
    ruled.replace("infrastructure", "['/api/*']", "['/api/*', '/v2/*']")
    blocked = ruled.run("deploy", "--yes", "--only", "infrastructure", "--allow", RULE_NAME)
    assert (blocked["exit_code"], findings(blocked)) == (3, {LIVE})
    (change,) = [one for step in blocked["plan"] for one in step["changes"] if one["logical_id"] == "ApiRule"]
    assert change["action"] == "modify", "only another listener replaces a rule"

    (ruled.root / "build" / "infrastructure.yaml").write_text(template)
    add(ruled, rule("NextRule", "/v2/*", priority=20))
    assert findings(ruled.run("deploy", "--yes")) == {("listener-live", "infrastructure", "NextRule")}

    (ruled.root / "build" / "infrastructure.yaml").write_text(template.replace(rule(), ""))
    blocked = ruled.run("deploy", "--yes", "--only", "infrastructure", "--allow", RULE_NAME)
    assert (blocked["exit_code"], findings(blocked)) == (3, {LIVE})
    assert moved(ruled) == {"green": 100}


def test_way_out_is_a_release_that_brings_blue_back(ruled: Shop) -> None:
    releases = Releases()
    releases.release()
    ruled.replace("infrastructure", "['/api/*']", "['/api/*', '/v2/*']")
    assert findings(ruled.run("plan", "--only", "infrastructure")) == {LIVE, POLICY}
    releases.release()
    blocked = ruled.run("plan", "--only", "infrastructure")
    assert findings(blocked) == {POLICY}, "the policy is still there, and can be lifted"
    assert [RULE_NAME in found["remedy"] for found in blocked["findings"]] == [True]
    done = ruled.results("deploy", "--yes", "--only", "infrastructure", "--allow", RULE_NAME)
    assert done == {"infrastructure": "done"}
    assert moved(ruled) == {"blue": 1}
    assert deployed_policy() == own_policy(ruled)
    # The policy is that of a stack without a rule too.
    ruled.replace("infrastructure", rule("ApiRule", "/api/*", "/v2/*"), "")
    done = ruled.results("deploy", "--yes", "--only", "infrastructure", "--allow", RULE_NAME)
    assert done == {"infrastructure": "done"}
    assert deployed_policy() == own_policy(ruled)


def test_traffic_is_known_where_rules_alone_name_the_service(deployed: Shop) -> None:
    deployed.replace(
        "infrastructure",
        "DefaultActions: [{Type: forward, TargetGroupArn: !Ref BlueTargetGroup}]",
        "DefaultActions: [{Type: fixed-response, FixedResponseConfig: {StatusCode: '404'}}]",
    )
    add(deployed, rule())
    named = ("--allow", "infrastructure:ProductionListener")
    assert deployed.run("deploy", "--yes", "--only", "infrastructure", *named)["exit_code"] == 0
    assert deployed.run("status")["live"]["colour"] == "blue"
    Releases().release()
    assert moved(deployed) == {"green": 100}
    assert deployed.run("status")["live"]["colour"] == "green"
    deployed.replace("infrastructure", "['/api/*']", "['/api/*', '/v2/*']")
    assert LIVE in findings(deployed.run("plan"))


OTHER_GROUP = """\
  OtherTargetGroup:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties: {VpcId: !Ref VpcId, TargetType: ip, Protocol: HTTP, Port: 80}
"""


@pytest.fixture
def local(built: dict[str, Layer]) -> Environment:
    declared = {slug: layer.parameters for slug, layer in built.items()}
    return environment.load(PROJECT / "params", "local", declared, RUNTIME)


def state(built: dict[str, Layer], settings: Environment, *added: str) -> ResolvedState:
    """The layers with more in the template of the listeners."""
    template = parse(
        built["infrastructure"].body.replace(OUTPUTS, "\n" + "".join(added) + OUTPUTS.lstrip("\n"), 1)
    )
    layers = {**built, "infrastructure": Layer("infrastructure", "", template, None)}
    return ResolvedState(desired_state(layers, settings))


@pytest.mark.parametrize(
    ("text", "moves"),
    [
        pytest.param(rule(), True, id="production, blue"),
        pytest.param(rule(group="GreenTargetGroup", listener="TestListener"), True, id="test, green"),
        pytest.param(rule(group="OtherTargetGroup"), False, id="another target group"),
        pytest.param(rule(listener="RedirectListener"), False, id="another listener"),
        pytest.param(
            rule().replace(
                "TargetGroupArn: !Ref BlueTargetGroup",
                "ForwardConfig:\n          TargetGroups:\n"
                "          - {TargetGroupArn: !Ref OtherTargetGroup, Weight: 1}\n"
                "          - {TargetGroupArn: !Ref GreenTargetGroup, Weight: 0}",
            ),
            True,
            id="one of several",
        ),
        pytest.param(
            rule().replace(
                "TargetGroupArn: !Ref BlueTargetGroup", "TargetGroupArn: !GetAtt Custom.Resource.Arn"
            ),
            False,
            id="what is not a target group of the pair",
        ),
        pytest.param(
            rule()
            .replace("Type: forward", "Type: redirect")
            .replace("TargetGroupArn: !Ref BlueTargetGroup", "RedirectConfig: {StatusCode: HTTP_301}"),
            False,
            id="a redirection",
        ),
    ],
)
def test_rules_that_codedeploy_moves(
    text: str, moves: bool, built: dict[str, Layer], local: Environment
) -> None:
    found = moved_rules(state(built, local, OTHER_GROUP, text))
    assert found == ({("infrastructure", "ApiRule")} if moves else frozenset())


def test_rule_of_another_layer_is_followed_to_the_pair(built: dict[str, Layer], local: Environment) -> None:
    text = (
        rule()
        .replace(
            "!Ref ProductionListener",
            "!ImportValue {'Fn::Sub': '${InfrastructureStackName}-ProductionListenerArn'}",
        )
        .replace(
            "!Ref BlueTargetGroup",
            "!ImportValue {'Fn::Sub': '${InfrastructureStackName}-BlueTargetGroupArn'}",
        )
    )
    template = parse(f"Parameters:\n  InfrastructureStackName: {{Type: String}}\nResources:\n{text}")
    layers = {**built, "paths": Layer("paths", "", template, None)}
    assert moved_rules(ResolvedState(desired_state(layers, local))) == {("paths", "ApiRule")}


@pytest.mark.parametrize(
    ("before", "after", "action", "note"),
    [
        pytest.param(
            [rule()], [rule("ApiRule", "/v2/*")], "modify", "go to blue if green is live", id="path"
        ),
        pytest.param([rule()], [rule(priority=20)], "modify", "go to blue if green is live", id="priority"),
        pytest.param([], [rule()], "add", "to blue, also if green is live", id="added"),
    ],
)
def test_review_says_what_becomes_of_the_traffic(
    before: list[str], after: list[str], action: str, note: str, built: dict[str, Layer], local: Environment
) -> None:
    states = state(built, local, *before), state(built, local, *after)
    found = next(one for one in comparison.compare_resolved(*states) if one.layer == "infrastructure")
    (change,) = found.resources
    assert (change.logical_id, change.action) == ("ApiRule", action)
    assert any(note in one for one in change.notes), change.notes


def test_review_says_nothing_of_traffic_where_a_rule_is_not_codedeploys(
    built: dict[str, Layer], local: Environment
) -> None:
    elsewhere = rule(group="OtherTargetGroup")
    states = (
        state(built, local, OTHER_GROUP, elsewhere),
        state(built, local, OTHER_GROUP, elsewhere.replace("10", "20")),
    )
    found = next(one for one in comparison.compare_resolved(*states) if one.layer == "infrastructure")
    assert [(change.logical_id, change.notes) for change in found.resources] == [("ApiRule", ())]
