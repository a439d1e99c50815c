"""The cluster where it exists before the stacks, and the capacity providers that releases name."""

from collections.abc import Iterator

from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.planning.survey import Survey
from ecs_blue_green.deployer.preflight.finding import PreflightFinding, parameter
from ecs_blue_green.deployer.release.service import CLUSTER
from ecs_blue_green.runtime import Runtime


def named(survey: Survey, runtime: Runtime) -> list[str]:
    """The names of the providers, where they are new to AWS."""
    title = runtime.capacity.providers
    if title is None or not survey.concerns(title):
        return []
    return [provider.partition(":")[0] for provider in survey.values(title)]


def existing(survey: Survey, runtime: Runtime) -> str:
    """The name of a cluster that exists before the stacks, where it is new to them; else nothing."""
    cluster = runtime.cluster
    if cluster is None or not survey.concerns(cluster.name, cluster.existing):
        return ""
    return survey.value(cluster.name) if survey.value(cluster.existing) == "true" else ""


def findings(aws: Aws, survey: Survey, runtime: Runtime) -> Iterator[PreflightFinding]:
    """A cluster that does not exist, and providers that it does not have: releases would fail."""
    existing_name, title = existing(survey, runtime), runtime.capacity.providers
    known, is_there = _known(aws, survey, runtime, existing_name)
    if existing_name and runtime.cluster and not is_there:
        reason = f"does not exist in {survey.environment.region}, and {runtime.cluster.existing} is true"
        yield PreflightFinding(parameter(runtime.cluster.name), existing_name, reason)
        return
    missing = [provider for provider in named(survey, runtime) if provider not in known]
    if missing and title:
        has = ", ".join(sorted(known)) or "none"
        reason = f"names {', '.join(missing)}, and the cluster's capacity providers are: {has}"
        yield PreflightFinding(parameter(title), survey.value(title), reason)


def _known(aws: Aws, survey: Survey, runtime: Runtime, existing_name: str) -> tuple[set[str], bool]:
    """The providers that the cluster has or gets, and whether it is there already."""
    output = runtime.controller.cluster
    stack = survey.stacks.get(output.layer)
    name = existing_name or (stack.outputs.get(output.title, "") if stack else "")
    known, is_there = set[str](), False
    for cluster in aws.client("ecs").describe_clusters(clusters=[name])["clusters"] if name else ():
        # One that was deleted is told for a while, as INACTIVE.
        # https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Cluster.html
        if cluster["status"] == "ACTIVE":
            known |= set(cluster.get("capacityProviders", []))
            is_there = True
    if output.layer in survey.layers:
        for resource in survey.world.resources(output.layer).values():
            if resource.type == CLUSTER:
                known |= {str(provider) for provider in resource.properties.get("CapacityProviders", [])}
    return known, is_there
