"""Stack policies: what they deny, how they are lifted, and how a lifted one is recognised."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from ecs_blue_green.deployer import policy
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.policy import Update

ALLOW_ALL = {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"}
TOPIC = "AWS::SNS::Topic"


def written(*statements: Any) -> str:
    return json.dumps({"Statement": list(statements)})


def deny(*names: str, **more: Any) -> dict[str, Any]:
    resources = [f"LogicalResourceId/{name}" for name in names]
    return {"Effect": "Deny", "Action": "Update:*", "Principal": "*", "Resource": resources} | more


@pytest.mark.parametrize(
    ("text", "update", "denied"),
    [
        pytest.param(written(ALLOW_ALL), "Update:Modify", False, id="everything is allowed"),
        pytest.param(written(ALLOW_ALL, deny("Topic")), "Update:Modify", True, id="a denial beats"),
        pytest.param(written(deny("Topic"), ALLOW_ALL), "Update:Modify", True, id="in any order"),
        pytest.param(written(ALLOW_ALL, deny("Other")), "Update:Modify", False, id="another resource"),
        pytest.param(written(ALLOW_ALL, deny("Top*")), "Update:Modify", True, id="a pattern"),
        pytest.param(written(ALLOW_ALL, deny("topic")), "Update:Modify", False, id="case counts"),
        pytest.param(
            written(ALLOW_ALL, deny("Topic", Action=["Update:Replace", "Update:Delete"])),
            "Update:Modify",
            False,
            id="another action",
        ),
        pytest.param(
            written(ALLOW_ALL, deny("Topic", Action=["Update:Replace", "Update:Delete"])),
            "Update:Replace",
            True,
            id="one of the actions",
        ),
        pytest.param(written(deny("Other")), "Update:Modify", True, id="what nothing allows is denied"),
        pytest.param(
            written(ALLOW_ALL, {"Effect": "Deny", "NotAction": "Update:Modify", "Resource": "*"}),
            "Update:Delete",
            True,
            id="all but an action",
        ),
        pytest.param(
            written(
                ALLOW_ALL, {"Effect": "Deny", "Action": "Update:*", "NotResource": "LogicalResourceId/Topic"}
            ),
            "Update:Modify",
            False,
            id="all but a resource",
        ),
        pytest.param(
            written(ALLOW_ALL, deny("*", Condition={"StringEquals": {"ResourceType": [TOPIC]}})),
            "Update:Modify",
            True,
            id="by its type",
        ),
        pytest.param(
            written(ALLOW_ALL, deny("*", Condition={"StringLike": {"ResourceType": "AWS::ECS::*"}})),
            "Update:Modify",
            False,
            id="not by another type",
        ),
    ],
)
def test_denial(text: str, update: Update, denied: bool) -> None:
    assert policy.denies(text, "Topic", TOPIC, update) is denied


def test_without_a_policy_nothing_is_denied() -> None:
    assert not policy.denies(None, "Topic", TOPIC, "Update:Delete")


def test_lifting_names_only_what_is_lifted() -> None:
    lifted = policy.lifted(written(ALLOW_ALL, deny("One", "Two"), deny("Three")), ["One", "Three"])
    assert not policy.denies(lifted, "One", TOPIC, "Update:Modify")
    assert policy.denies(lifted, "Two", TOPIC, "Update:Modify")
    assert not policy.denies(lifted, "Three", TOPIC, "Update:Delete")


def test_lifting_excepts_from_a_denial_by_type() -> None:
    by_type = deny("*", Condition={"StringEquals": {"ResourceType": [TOPIC]}}) | {"Resource": "*"}
    own = written(ALLOW_ALL, deny("Other"), by_type)
    types = {"One": TOPIC, "Other": "AWS::SQS::Queue"}
    lifted = policy.lifted(own, ["One", "Other"], types)
    assert not policy.denies(lifted, "One", TOPIC, "Update:Modify")
    assert not policy.denies(lifted, "Other", "AWS::SQS::Queue", "Update:Modify")
    assert policy.denies(lifted, "Two", TOPIC, "Update:Modify"), "only what is named is lifted"
    assert json.loads(lifted)["Statement"][-1]["NotResource"] == ["LogicalResourceId/One"]
    assert policy.is_lifted(own, lifted)
    # One after the other, as two runs do that were killed.
    twice = policy.lifted(lifted, ["Two"], {"Two": TOPIC})
    assert not policy.denies(twice, "Two", TOPIC, "Update:Modify")
    assert not policy.denies(twice, "One", TOPIC, "Update:Modify")
    assert policy.is_lifted(own, twice)


def test_lifted_policy_of_ours_is_recognised(built: Mapping[str, Layer]) -> None:
    own = built["infrastructure"].stack_policy
    assert own is not None
    assert policy.is_lifted(own, policy.lifted(own, ["TestListener"]))
    assert policy.is_lifted(own, policy.lifted(own, ["TestListener", "BlueTargetGroup"]))
    assert not policy.is_lifted(own, own)


def test_policy_that_somebody_else_wrote_is_not_taken_for_a_lifted_one(built: Mapping[str, Layer]) -> None:
    own = built["infrastructure"].stack_policy
    assert own is not None
    assert not policy.is_lifted(own, written(ALLOW_ALL))
    assert not policy.is_lifted(own, written(ALLOW_ALL, deny("TestListener")))
    stricter = json.loads(own)
    stricter["Statement"].append(deny("Cluster"))
    assert not policy.is_lifted(own, json.dumps(stricter))


def test_every_protected_resource_can_be_lifted(built: Mapping[str, Layer]) -> None:
    for layer in built.values():
        if not layer.stack_policy:
            continue
        protected = [
            name
            for name, resource in layer.resources.items()
            if policy.denies(layer.stack_policy, name, resource["Type"], "Update:Modify")
        ]
        assert protected
        lifted = policy.lifted(layer.stack_policy, protected)
        assert not any(policy.denies(lifted, name, TOPIC, "Update:Modify") for name in protected)
