"""What AWS would refuse and cfn-lint does not see, in templates with parameters carried out (`resolved`).

cfn-lint reads a template as it is: a name behind Fn::Sub has no length there, and a size behind Ref no value.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ecs_blue_green import fargate
from ecs_blue_green.deployer.effects.schemas import document
from ecs_blue_green.deployer.rules import is_by_codedeploy

# Any region that has all types.
REGION = "us-east-1"

# How many characters a name may have where the resource's schema does not say. As of November 2026, from the
# service models (ProjectName, PipelineName, FunctionName) and the references of ECS and of load balancing.
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html
# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html
LONGEST = {
    "AWS::CodeBuild::Project.Name": 150,
    "AWS::CodePipeline::Pipeline.Name": 100,
    "AWS::ECS::Cluster.ClusterName": 255,
    "AWS::ECS::Service.ServiceName": 255,
    "AWS::ECS::TaskDefinition.Family": 255,
    "AWS::ElasticLoadBalancingV2::LoadBalancer.Name": 32,
    "AWS::ElasticLoadBalancingV2::TargetGroup.Name": 32,
    "AWS::Lambda::Function.FunctionName": 64,
}

# What belongs to ECS's own controller. UpdateService and CreateService take none of it where CodeDeploy is.
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html
OTHER_CONTROLLER = "ECS's own controller's, and the controller is CODE_DEPLOY"
OF_ECS_CONTROLLER = (
    "Alarms",
    "BakeTimeInMinutes",
    "CanaryConfiguration",
    "DeploymentCircuitBreaker",
    "LifecycleHooks",
    "LinearConfiguration",
    "Strategy",
)


def problems(template: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong in a resolved template, one sentence each, with the logical id in front."""
    for title, resource in template["Resources"].items():
        yield from (
            f"{title}: {problem}" for problem in _wrong(resource["Type"], resource.get("Properties", {}))
        )


def unknown(template: Mapping[str, Any]) -> Iterator[str]:
    """The names in a resolved template of which nobody knows how long they may be: what LONGEST lacks."""
    for resource in template["Resources"].values():
        for name, _, longest in _lengths(resource["Type"], resource.get("Properties", {})):
            if longest is None and name.endswith(("Name", "Family")):
                yield f"{resource['Type']}.{name}"


def _wrong(resource_type: str, properties: Mapping[str, Any]) -> Iterator[str]:
    yield from _names(resource_type, properties)
    if resource_type == "AWS::ECS::Service":
        yield from _controllers(properties)
    if resource_type == "AWS::ECS::TaskDefinition" and "FARGATE" in properties.get(
        "RequiresCompatibilities", []
    ):
        size = (properties.get("Cpu"), properties.get("Memory"))
        if not any(isinstance(part, dict) for part in size) and not fargate.has(*size):
            yield f"Fargate has no size of {size[0]} CPU units and {size[1]} MiB"


def _names(resource_type: str, properties: Mapping[str, Any]) -> Iterator[str]:
    for name, value, longest in _lengths(resource_type, properties):
        if longest is not None and len(value) > longest:
            yield f"{name} {value} has {len(value)} characters, {longest} are allowed"


def _lengths(resource_type: str, properties: Mapping[str, Any]) -> Iterator[tuple[str, str, int | None]]:
    """Each text, with how long it may be; of what is fixed at creation also where that is unknown."""
    schema = document(resource_type, REGION)
    fixed = {path.removeprefix("/properties/") for path in schema.get("createOnlyProperties", [])}
    for name, value in properties.items():
        # What only a running resource knows has no length yet.
        if not isinstance(value, str) or "${" in value:
            continue
        declared = schema.get("properties", {}).get(name, {})
        longest = LONGEST.get(f"{resource_type}.{name}", declared.get("maxLength"))
        if longest is not None or name in fixed:
            yield name, value, longest


def _controllers(properties: Mapping[str, Any]) -> Iterator[str]:
    if not is_by_codedeploy(properties):
        return
    for name in OF_ECS_CONTROLLER:
        if name in properties.get("DeploymentConfiguration", {}):
            yield f"DeploymentConfiguration.{name} is {OTHER_CONTROLLER}"
    if any("AdvancedConfiguration" in balancer for balancer in properties.get("LoadBalancers", [])):
        yield f"LoadBalancers.AdvancedConfiguration is {OTHER_CONTROLLER}"


def fargate_sizes() -> Mapping[int, tuple[int, ...]]:
    """The sizes that Fargate has, CPU units to MiB of memory."""
    return {cpu: tuple(memory) for cpu, memory in fargate.SIZES.items()}
