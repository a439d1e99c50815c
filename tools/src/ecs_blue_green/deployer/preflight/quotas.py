"""Quotas of the account that the stacks would exceed. New accounts have low ones."""

from collections.abc import Callable, Iterator

from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.planning.survey import Survey
from ecs_blue_green.deployer.preflight.finding import PreflightFinding, parameter
from ecs_blue_green.runtime import Capacity

ROLE = "AWS::IAM::Role"
LOAD_BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"
TARGET_GROUP = "AWS::ElasticLoadBalancingV2::TargetGroup"

# "Fargate On-Demand vCPU resource count": https://docs.aws.amazon.com/general/latest/gr/ecs-service.html
FARGATE_CPU = ("fargate", "L-3032A538")
CPU_UNITS = 1024


def questions(
    survey: Survey, capacity: Capacity
) -> Iterator[tuple[str, Callable[[Aws], Iterator[PreflightFinding]]]]:
    """What to ask for these stacks: what it is about, and how to ask it. `capacity` names parameters."""
    count: dict[str, int] = {}
    for _, _, resource in survey.new_resources():
        count[resource.type] = count.get(resource.type, 0) + 1
    if count.get(ROLE):
        yield "the quota of roles", lambda aws: _roles(aws, count[ROLE])
    if count.get(LOAD_BALANCER) or count.get(TARGET_GROUP):
        balancers, groups = count.get(LOAD_BALANCER, 0), count.get(TARGET_GROUP, 0)
        yield "the quotas of load balancers", lambda aws: _load_balancers(aws, balancers, groups)
    if survey.concerns(capacity.minimum, capacity.cpu):
        yield "the quota of Fargate", lambda aws: _fargate(aws, survey, capacity)


def _roles(aws: Aws, needed: int) -> Iterator[PreflightFinding]:
    summary = aws.client("iam").get_account_summary()["SummaryMap"]
    yield from _exceeded("roles", summary["Roles"], needed, summary["RolesQuota"])


def _load_balancers(aws: Aws, balancers: int, groups: int) -> Iterator[PreflightFinding]:
    client = aws.client("elbv2")
    limits = {
        limit["Name"]: int(limit["Max"])
        for limit in client.get_paginator("describe_account_limits")
        .paginate()
        .build_full_result()
        .get("Limits", [])
    }

    def count(operation: str, key: str, kind: str) -> int:
        pages = client.get_paginator(operation).paginate()
        return sum(item.get("Type", kind) == kind for page in pages for item in page[key])

    for name, needed, words, operation, key in (
        (
            "application-load-balancers",
            balancers,
            "application load balancers",
            "describe_load_balancers",
            "LoadBalancers",
        ),
        ("target-groups", groups, "target groups", "describe_target_groups", "TargetGroups"),
    ):
        if needed and name in limits:
            yield from _exceeded(words, count(operation, key, "application"), needed, limits[name])


def _fargate(aws: Aws, survey: Survey, capacity: Capacity) -> Iterator[PreflightFinding]:
    service, code = FARGATE_CPU
    quota = aws.client("service-quotas").get_service_quota(ServiceCode=service, QuotaCode=code)["Quota"][
        "Value"
    ]
    # A release runs the new tasks beside the old ones.
    tasks, cpu = survey.value(capacity.minimum), survey.value(capacity.cpu)
    needed = 2 * int(tasks) * int(cpu) / CPU_UNITS
    if needed > quota:
        yield PreflightFinding(
            parameter(capacity.minimum),
            tasks,
            f"and {capacity.cpu} {cpu} need {needed:g} virtual CPUs in a release, and this account may have"
            f" {quota:g}",
            f"request a quota increase (Service Quotas, {service} {code})",
        )


def _exceeded(what: str, used: int, needed: int, quota: int) -> Iterator[PreflightFinding]:
    if used + needed > quota:
        yield PreflightFinding(
            "account",
            "",
            f"has {used} of {quota} {what}, and {needed} more are needed",
            "request a quota increase (Service Quotas), or delete what is no longer needed",
        )
