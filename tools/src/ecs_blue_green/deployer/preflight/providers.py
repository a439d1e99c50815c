"""The capacity providers that releases name: the cluster must have them."""

from collections.abc import Iterator

from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.planning.survey import Survey
from ecs_blue_green.deployer.preflight.trouble import Trouble, parameter
from ecs_blue_green.deployer.release.service import CLUSTER
from ecs_blue_green.runtime import Runtime


def named(survey: Survey, runtime: Runtime) -> list[str]:
    """The names of the providers, where they are new to AWS."""
    title = runtime.capacity.providers
    if title is None or not survey.concerns(title):
        return []
    return [provider.partition(":")[0] for provider in survey.values(title)]


def troubles(aws: Aws, survey: Survey, runtime: Runtime) -> Iterator[Trouble]:
    """The providers that the cluster neither has nor gets: a release that names one would fail."""
    title, output = runtime.capacity.providers, runtime.controller.cluster
    if title is None:
        return
    stack = survey.stacks.get(output.layer)
    name = stack.outputs.get(output.title, "") if stack else ""
    known: set[str] = set()
    if name:
        for cluster in aws.client("ecs").describe_clusters(clusters=[name])["clusters"]:
            known |= set(cluster.get("capacityProviders", []))
    if output.layer in survey.layers:
        for resource in survey.world.resources(output.layer).values():
            if resource.type == CLUSTER:
                known |= {str(one) for one in resource.properties.get("CapacityProviders", [])}
    missing = [one for one in named(survey, runtime) if one not in known]
    if missing:
        has = ", ".join(sorted(known)) or "none"
        reason = f"names {', '.join(missing)}, and the cluster's capacity providers are: {has}"
        yield Trouble(parameter(title), survey.value(title), reason)
