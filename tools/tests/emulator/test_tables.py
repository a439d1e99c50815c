"""Tables that the emulator keeps by hand, compared with the newest resource schemas and service models here.

The schemas are cfn-lint's, the models botocore's, of the environment in which the deployer is developed. It
is never older than the emulator's. What differs is listed with its reason.
"""

import json
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from ecs_blue_green import fargate, interpreters
from ecs_blue_green.emulator import early

# Read in the emulator's own environment: its modules need ministack.
READ = """
import json
from ecs_blue_green.emulator.cloudformation import drift, states
from ecs_blue_green.emulator.resources import HANDLERS, ecs as resources
from ecs_blue_green.emulator.services import codedeploy, ecs, elbv2
tables = {
    "at_creation": resources._AT_CREATION,
    "names": {kind: handler.name for kind, handler in HANDLERS.items()},
    "identified": [kind for kind, handler in HANDLERS.items() if handler.taken],
    "drift": {kind: names for kind, (_, names) in drift._READERS.items()},
    "updatable_states": states.UPDATABLE,
    "updatable": ecs.UPDATABLE,
    "task_set": ecs._TASK_SET_MEMBERS,
    "not_of_task_sets": ecs.NOT_OF_TASK_SETS,
    "listened_to": elbv2.LISTENED_TO,
    "forwarded_as": elbv2.FORWARDED_AS,
    "most_termination_minutes": codedeploy.MAX_TERMINATION_WAIT_MINUTES,
}
print(json.dumps(tables, default=sorted))
"""

# A name that identifies its resource can be found taken before it is created; these differ.
IDENTIFIED_DIFFERENTLY = {
    "AWS::IAM::ManagedPolicy": "identified by its ARN, which has nothing but the name in it",
    "AWS::CodeDeploy::DeploymentGroup": "identified by application and name; the service refuses a second",
}
# A resource is replaced under another name only; where the schema lets the name change in place:
NAMES_THAT_CHANGE = {
    "AWS::CodeStarNotifications::NotificationRule": "what it watches replaces it; the name is taken",
}
# Members of ecs CreateService that CreateTaskSet lacks and a CODE_DEPLOY service takes all the same.
OF_THE_SERVICE = {
    "serviceName": "of the service",
    "role": "of the service; with awsvpc it has none",
    "deploymentController": "of the service",
    "deploymentConfiguration": "of the service; circuit breaker, alarms and strategy are refused by name",
    "desiredCount": "of the service; a task set has a share of it",
    "schedulingStrategy": "of the service; DAEMON is refused by name",
    "healthCheckGracePeriodSeconds": "of the service",
    "placementConstraints": "of the service, and of no use on Fargate",
    "placementStrategy": "of the service, and of no use on Fargate",
    "enableECSManagedTags": "of the service",
    "propagateTags": "of the service",
    "enableExecuteCommand": "of the service, decided when it is created",
    "availabilityZoneRebalancing": "of the service; docs/first-run.md asks in question 3",
    "monitoring": "what is measured of the service",
}
# Members of CreateTaskSet that are not kept as they come.
MADE_HERE = {
    "service": "named in the request, kept as an ARN",
    "cluster": "named in the request, kept as an ARN",
    "taskDefinition": "kept as the revision's ARN",
    "scale": "has a default",
    "clientToken": "not kept",
}
# What the schema of AWS::ECS::Service has in its place.
AT_CREATION = {
    "deploymentController": "no longer create-only: CloudFormation may change it, and no template here does",
    "launchType": "in the schema it replaces in some cases only",
}
# The protocols of a load balancer that the emulator does not have.
OF_A_GATEWAY_LOAD_BALANCER = {"GENEVE"}
# States that end in _COMPLETE and in which CloudFormation takes no update.
NOT_UPDATABLE = {
    "ROLLBACK_COMPLETE": "the first creation failed: the stack can only be deleted",
    "DELETE_COMPLETE": "it is gone",
}


@pytest.fixture(scope="module")
def tables() -> Any:
    read = subprocess.run(
        [str(interpreters.emulator()), "-P", "-c", READ], capture_output=True, text=True, check=True
    )
    return json.loads(read.stdout)


def _data() -> Path:
    found = find_spec("cfnlint")
    assert found
    assert found.origin
    return Path(found.origin).parent / "data" / "schemas"


def schema(kind: str) -> Any:
    """The newest schema of a type."""
    digest = json.loads((_data() / "providers" / "us-east-1.json").read_bytes())[kind]
    return json.loads((_data() / "resources" / f"{digest}.json").read_bytes())


def names(kind: str, key: str) -> set[str]:
    return {path.removeprefix("/properties/") for path in schema(kind).get(key, [])}


def members(service: str, operation: str) -> set[str]:
    model: Any = botocore.session.get_session().get_service_model(service)
    return set(model.operation_model(operation).input_shape.members)


def enum(service: str, shape: str) -> set[str]:
    found: Any = botocore.session.get_session().get_service_model(service).shape_for(shape)
    return set(found.enum)


def test_sizes_of_fargate() -> None:
    offered: dict[int, list[int]] = {}
    path = _data() / "extensions" / "aws_ecs_taskdefinition" / "fargate_cpu_memory.json"
    for pair in json.loads(path.read_bytes())["then"]["anyOf"]:
        cpu, memory = (pair["properties"][name]["then"] for name in ("Cpu", "Memory"))
        steps = range(memory.get("minimum", 0), memory.get("maximum", -1) + 1, memory.get("multipleOf", 1))
        offered[int(cpu["enum"][0])] = memory.get("enum", list(steps))
    assert {cpu: list(sizes) for cpu, sizes in fargate.SIZES.items()} == offered


def test_types_that_are_not_validated_exist() -> None:
    for kind in early.NOT_VALIDATED:
        assert schema(kind)


def test_names_of_resources(tables: Any) -> None:
    identified, changing = set(), set()
    for kind, name in tables["names"].items():
        assert name is None or name in schema(kind)["properties"]
        if (kind in tables["identified"]) is not (name in names(kind, "primaryIdentifier")):
            identified.add(kind)
        if name and name not in names(kind, "createOnlyProperties"):
            changing.add(kind)
    assert identified == IDENTIFIED_DIFFERENTLY.keys()
    assert changing == NAMES_THAT_CHANGE.keys()


def test_properties_whose_drift_is_detected(tables: Any) -> None:
    for kind, compared in tables["drift"].items():
        assert set(compared) <= schema(kind)["properties"].keys() - names(kind, "readOnlyProperties")


def test_what_of_a_service_is_fixed_at_creation(tables: Any) -> None:
    fixed = names("AWS::ECS::Service", "createOnlyProperties") - {"Cluster"}
    ours = {name[0].upper() + name[1:] for name in tables["at_creation"]}
    assert ours - fixed == {name[0].upper() + name[1:] for name in AT_CREATION}
    assert fixed <= ours


def test_what_task_sets_and_services_take(tables: Any) -> None:
    services, task_sets = members("ecs", "CreateService"), members("ecs", "CreateTaskSet")
    assert task_sets - set(tables["task_set"]) == MADE_HERE.keys()
    assert set(tables["task_set"]) <= task_sets
    assert set(tables["not_of_task_sets"]) | OF_THE_SERVICE.keys() == services - task_sets
    assert not set(tables["not_of_task_sets"]) & OF_THE_SERVICE.keys()
    assert set(tables["updatable"]) <= members("ecs", "UpdateService")


def test_protocols(tables: Any) -> None:
    known = {protocol for protocols in tables["listened_to"].values() for protocol in protocols}
    for kind in ("Listener", "TargetGroup"):
        declared = schema(f"AWS::ElasticLoadBalancingV2::{kind}")["properties"]["Protocol"]["enum"]
        assert set(declared) - known == OF_A_GATEWAY_LOAD_BALANCER
    assert enum("elbv2", "ProtocolEnum") - known == OF_A_GATEWAY_LOAD_BALANCER
    assert tables["forwarded_as"].keys() == known
    assert {protocol for protocols in tables["forwarded_as"].values() for protocol in protocols} == known


def test_longest_wait_for_old_tasks(tables: Any) -> None:
    option = schema("AWS::CodeDeploy::DeploymentGroup")["definitions"]["BlueInstanceTerminationOption"]
    told = option["properties"]["TerminationWaitTimeInMinutes"]["description"]
    assert f"maximum setting is {tables['most_termination_minutes']} minutes" in told


def test_states_of_a_stack(tables: Any) -> None:
    states = enum("cloudformation", "StackStatus")
    settled = {state for state in states if state.endswith("_COMPLETE")}
    assert settled - set(tables["updatable_states"]) == NOT_UPDATABLE.keys()
    assert set(tables["updatable_states"]) <= settled
