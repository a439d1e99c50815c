"""What is deployed, as far as a release uses it: read from the emulated account, never from files."""

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ecs_blue_green import pipeline
from ecs_blue_green.pipeline import Definition
from ecs_blue_green.rehearsal import alarms, caddy_config, listener_rules, target_health
from ecs_blue_green.rehearsal.alarms import Alarm, NotModelled
from ecs_blue_green.rehearsal.cloud import Cloud
from ecs_blue_green.rehearsal.listener_rules import Ask, Rule
from ecs_blue_green.rehearsal.target_health import Settings
from ecs_blue_green.runtime import Controller, Output, Runtime


@dataclass(frozen=True)
class Listener:
    """A listener of the load balancer; `redirect` is the address that it redirects to."""

    arn: str
    protocol: str
    port: int
    redirect: str | None


@dataclass(frozen=True)
class System:
    """Everything that decides how a release goes."""

    pipeline: Definition
    application: str
    deployment_group: str
    cluster: str
    service: str
    container: str
    container_port: int
    grace_seconds: float
    desired_count: int
    min_capacity: int
    max_capacity: int
    load_balancer: str
    # The host name that users request.
    host: str
    # Whether targets get the client's Host as it is (an attribute of the load balancer).
    keeps_host: bool
    security_groups: Sequence[str]
    listeners: Mapping[str, Listener]
    production: str
    test: str | None
    # Target group ARN to "blue" or "green".
    colours: Mapping[str, str]
    groups: Mapping[str, Settings]
    deployment_config: str
    routing: Mapping[str, Any]
    termination_wait: float
    watches_alarms: bool
    alarms: Sequence[Alarm]
    # Alarms of the deployment group, and listener rules, that a rehearsal leaves out, each with the reason.
    not_modelled: Sequence[str]
    # Which layers and parameters have what, for people.
    controller: Controller
    # What users ask for besides "/": what a rule of the production listener sends to the service.
    asks: Sequence[Ask] = ()

    def colour(self, arn: str) -> str:
        """The colour of a target group."""
        return self.colours[arn]

    def group(self, colour: str) -> str:
        """The ARN of the target group of a colour."""
        return next(arn for arn, colour_of in self.colours.items() if colour_of == colour)


def read_system(cloud: Cloud, stack_prefix: str, runtime: Runtime) -> System:
    """Read the system whose stacks are `<stack_prefix>-<layer>`; `runtime` says what is where.

    Raises alarms.UnsupportedAlarm for an alarm whose expression is outside of what can be evaluated, and
    codebuild.BadSpecification for a build project that cannot be run here.
    """
    controller = runtime.controller
    outputs = {layer: cloud.outputs(f"{stack_prefix}-{layer}") for layer in controller.layers}

    def value(output: Output) -> str:
        return outputs[output.layer][output.title]

    application, group_name = value(controller.application), value(controller.deployment_group)
    codedeploy = cloud.client("codedeploy")
    group = codedeploy.get_deployment_group(applicationName=application, deploymentGroupName=group_name)[
        "deploymentGroupInfo"
    ]
    pair = group["loadBalancerInfo"]["targetGroupPairInfoList"][0]
    named = group["ecsServices"][0]
    service = cloud.client("ecs").describe_services(
        cluster=named["clusterName"], services=[named["serviceName"]]
    )["services"][0]
    target = service["loadBalancers"][0]
    groups = _groups(cloud, [item["name"] for item in pair["targetGroups"]])
    production = pair["prodTrafficRoute"]["listenerArns"][0]
    balancer_arn, listeners = _listeners(cloud, production)
    balancer = cloud.client("elbv2").describe_load_balancers(LoadBalancerArns=[balancer_arn])[
        "LoadBalancers"
    ][0]
    options = group.get("blueGreenDeploymentConfiguration", {})
    termination = options.get("terminateBlueInstancesOnDeploymentSuccess", {})
    config = codedeploy.get_deployment_config(deploymentConfigName=group["deploymentConfigName"])
    low, high = _capacity(cloud, named)
    watched = group.get("alarmConfiguration", {})
    stacks = [f"{stack_prefix}-{layer}" for layer in runtime.layers]
    evaluated, not_evaluated = _watched_alarms(cloud, watched, stacks)
    test = pair.get("testTrafficRoute", {}).get("listenerArns", [])
    rules = {arn: _rules(cloud, arn) for arn in (*pair["prodTrafficRoute"]["listenerArns"], *test)}
    return System(
        pipeline=pipeline.read_definition(cloud.client, value(controller.pipeline)),
        application=application,
        deployment_group=group_name,
        cluster=named["clusterName"],
        service=named["serviceName"],
        container=target["containerName"],
        container_port=target["containerPort"],
        grace_seconds=float(service.get("healthCheckGracePeriodSeconds", 0)),
        desired_count=service["desiredCount"],
        min_capacity=low,
        max_capacity=high,
        load_balancer=balancer_arn.partition(":loadbalancer/")[2],
        host=_host(cloud, stack_prefix, runtime) or balancer["DNSName"],
        keeps_host=_attribute(cloud, balancer_arn, "routing.http.preserve_host_header.enabled") == "true",
        security_groups=balancer.get("SecurityGroups", []),
        listeners=listeners,
        production=production,
        test=next(iter(test), None),
        asks=tuple(_asks(rules[production], groups)),
        colours={
            value(controller.blue_target_group): "blue",
            value(controller.green_target_group): "green",
        },
        groups=groups,
        deployment_config=group["deploymentConfigName"],
        routing=config["deploymentConfigInfo"]["trafficRoutingConfig"],
        termination_wait=float(termination.get("terminationWaitTimeInMinutes", 0)),
        watches_alarms=bool(watched.get("enabled")),
        alarms=evaluated,
        not_modelled=[*not_evaluated, *_unmatched(rules)],
        controller=controller,
    )


def _groups(cloud: Cloud, names: Sequence[str]) -> dict[str, Settings]:
    """The target groups, in the order of the deployment group: blue, green."""
    client = cloud.client("elbv2")
    described = {
        item["TargetGroupName"]: item for item in client.describe_target_groups(Names=names)["TargetGroups"]
    }
    groups = {}
    for name in names:
        arn = described[name]["TargetGroupArn"]
        attributes = client.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
        groups[arn] = target_health.read_settings(
            described[name], {item["Key"]: item["Value"] for item in attributes}
        )
    return groups


def _listeners(cloud: Cloud, production: str) -> tuple[str, dict[str, Listener]]:
    client = cloud.client("elbv2")
    balancer = client.describe_listeners(ListenerArns=[production])["Listeners"][0]["LoadBalancerArn"]
    described = client.describe_listeners(LoadBalancerArn=balancer)["Listeners"]
    return balancer, {
        item["ListenerArn"]: Listener(item["ListenerArn"], item["Protocol"], item["Port"], _redirect(item))
        for item in described
    }


def _host(cloud: Cloud, stack_prefix: str, runtime: Runtime) -> str:
    """The host name that users request, from a stack's parameters; "" where there is none."""
    client = cloud.client("cloudformation")
    titles = [title for title in (runtime.rehearsal.host, runtime.domain and runtime.domain.name) if title]
    values: dict[str, str] = {}
    for layer in runtime.layers if titles else ():
        stack = client.describe_stacks(StackName=f"{stack_prefix}-{layer}")["Stacks"][0]
        values |= {item["ParameterKey"]: item["ParameterValue"] for item in stack.get("Parameters", [])}
    return next((values[title] for title in titles if values.get(title)), "")


def _rules(cloud: Cloud, listener: str) -> list[Rule]:
    """The listener's rules except the default one."""
    pages = cloud.client("elbv2").get_paginator("describe_rules").paginate(ListenerArn=listener)
    return [rule for page in pages for rule in page["Rules"] if not rule["IsDefault"]]


def _asks(rules: Sequence[Rule], groups: Collection[str]) -> Iterator[Ask]:
    """Requests that these rules send to the target groups."""
    for rule in rules:
        named = {
            group["TargetGroupArn"]
            for action in rule["Actions"]
            for group in action.get("ForwardConfig", {}).get("TargetGroups", [])
        }
        ask = listener_rules.example(rule)
        if ask and listener_rules.matcher(rule) and not named.isdisjoint(groups):
            yield ask


def _attribute(cloud: Cloud, balancer: str, key: str) -> str:
    attributes = cloud.client("elbv2").describe_load_balancer_attributes(LoadBalancerArn=balancer)[
        "Attributes"
    ]
    values = [str(item["Value"]) for item in attributes if item["Key"] == key]
    return values[0] if values else ""


def _redirect(listener: Mapping[str, Any]) -> str | None:
    for action in listener["DefaultActions"]:
        if action["Type"] == "redirect":
            return caddy_config.address(action["RedirectConfig"])
    return None


def _capacity(cloud: Cloud, named: Mapping[str, str]) -> tuple[int, int]:
    resource = f"service/{named['clusterName']}/{named['serviceName']}"
    targets = cloud.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="ecs", ResourceIds=[resource]
    )["ScalableTargets"]
    return (targets[0]["MinCapacity"], targets[0]["MaxCapacity"]) if targets else (0, 0)


def _logical_ids(cloud: Cloud, stack: str) -> dict[str, str]:
    """The template's names of a stack's resources, by their physical names."""
    resources = cloud.client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    return {item["PhysicalResourceId"]: item["LogicalResourceId"] for item in resources}


def _watched_alarms(
    cloud: Cloud, configuration: Mapping[str, Any], stacks: Sequence[str]
) -> tuple[list[Alarm], list[str]]:
    """The same for those of a deployment group, with the names that these stacks' templates have for them."""
    names = [item["name"] for item in configuration.get("alarms", [])]
    labels: dict[str, str] = {}
    for stack in stacks if names else ():
        labels |= _logical_ids(cloud, stack)
    return _alarms(cloud, names, labels)


def _unmatched(rules: Mapping[str, Sequence[Rule]]) -> Iterator[str]:
    """The listener rules whose conditions a rehearsal does not support."""
    for rule in itertools.chain.from_iterable(rules.values()):
        if listener_rules.matcher(rule) is None:
            yield f"the listener rule of priority {rule['Priority']}: its conditions"


def _alarms(cloud: Cloud, names: Sequence[str], labels: Mapping[str, str]) -> tuple[list[Alarm], list[str]]:
    """The alarms that can be evaluated, and the reasons why others cannot."""
    if not names:
        return [], []
    described = cloud.client("cloudwatch").describe_alarms(AlarmNames=list(names))["MetricAlarms"]
    evaluated: list[Alarm] = []
    problems = [f"{name} does not exist" for name in set(names) - {item["AlarmName"] for item in described}]
    for description in described:
        try:
            evaluated.append(alarms.read_alarm(description, labels.get(description["AlarmName"], "")))
        except NotModelled as error:
            problems.append(str(error))
    return evaluated, problems
