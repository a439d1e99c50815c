"""What must not happen unasked: the rules that need nothing but a change and its template.

They are pure functions from changes to findings, shared by the deployer's guard (`guard.py` adds the rules
that need the live state) and by the review of a pull request.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stacks.changes import ResourceChange
from stacks.errors import Blocked

TASK_DEFINITION = "AWS::ECS::TaskDefinition"
SERVICE = "AWS::ECS::Service"
LISTENER = "AWS::ElasticLoadBalancingV2::Listener"

# What UpdateService accepts while CodeDeploy controls the deployments, as the template's properties.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/update-service-parameters.html
SERVICE_FIELDS = {
    "DesiredCount",
    "DeploymentConfiguration",
    "EnableECSManagedTags",
    "HealthCheckGracePeriodSeconds",
    "PlacementConstraints",
    "PlacementStrategies",
    "PropagateTags",
}

# Every rule with what it prevents; docs/operations.md says what to do about each.
RULES = {
    "replacement": "a resource would be replaced or removed",
    "service-frozen": "the service would be changed, which ECS refuses while CodeDeploy controls it",
    "listener-live": "a listener would be changed while green is live or traffic is shifting",
    "release-running": "a deployment of the service or an execution of the pipeline is running",
    "export-in-use": "an export that another stack imports would change or go away",
    "foreign-stack": "a stack of that name is not this project's",
    "stack-policy": "the deployed stack policy denies the change",
}


@dataclass(frozen=True)
class Finding:
    """One reason why a plan must not be carried out: where, which rule, why, and the way out.

    `resource` is a logical id, or empty where the rule is about the whole stack.
    """

    layer: str
    resource: str
    rule: str
    reason: str
    remedy: str


class Guarded(Blocked):
    """A plan that must not be carried out, with every reason."""

    def __init__(self, findings: list[Finding]) -> None:
        rules = ", ".join(dict.fromkeys(finding.rule for finding in findings))
        super().__init__("nothing was changed", f"blocked by {rules}", "docs/operations.md has every rule")
        self.findings = findings


def name(layer: str, change: ResourceChange) -> str:
    """How --allow names a resource."""
    return f"{layer}:{change.logical_id}"


def replacement(layer: str, changes: tuple[ResourceChange, ...], allowed: set[str]) -> Iterator[Finding]:
    """Any replacement or removal that was not named.

    A task definition is always replaced: that is a release, and its revision before stays. The service has a
    rule of its own.
    """
    for change in changes:
        if change.type in (TASK_DEFINITION, SERVICE) or name(layer, change) in allowed:
            continue
        words = {
            "replace": "would be replaced",
            "may replace": "may be replaced",
            "remove": "would be deleted",
        }
        if change.action in words:
            causes = [
                p.path.removeprefix("/Properties/") for p in change.properties if p.recreation != "Never"
            ]
            because = f" because of {', '.join(causes)}" if causes else ""
            yield Finding(
                layer,
                change.logical_id,
                "replacement",
                f"{change.type} {words[change.action]}{because}",
                f"if that is meant: --allow {name(layer, change)}",
            )


def service_frozen(
    layer: str,
    changes: tuple[ResourceChange, ...],
    resources: Mapping[str, Mapping[str, Any]],
    allowed: set[str],
) -> Iterator[Finding]:
    """Any change of a service that CodeDeploy deploys; `resources` are the template's.

    --allow lets through what UpdateService accepts with this controller, and nothing else: CloudFormation
    would fail half-way. A new service is no change.
    """
    for change in changes:
        if (
            change.type != SERVICE
            or change.action in ("add", "import")
            or not _by_codedeploy(change, resources)
        ):
            continue
        changed = {changed.path.removeprefix("/Properties/").split("/")[0] for changed in change.properties}
        acceptable = change.action == "modify" and bool(changed) and changed <= SERVICE_FIELDS
        if acceptable and name(layer, change) in allowed:
            continue
        what = ", ".join(sorted(path.lstrip("/") for path in changed)) or "it"
        yield Finding(
            layer,
            change.logical_id,
            "service-frozen",
            f"{what} cannot be updated while CodeDeploy controls the service"
            if not acceptable
            else f"{what} would be updated; AWS has been seen to refuse even what its API accepts",
            f"if that is meant: --allow {name(layer, change)}"
            if acceptable
            else "take the change back; task definition, network and load balancer change with a release, "
            "the rest needs a new service",
        )


def _by_codedeploy(change: ResourceChange, resources: Mapping[str, Mapping[str, Any]]) -> bool:
    resource = resources.get(change.logical_id)
    # One that the template no longer has is judged as ours: the project has no other kind.
    if resource is None:
        return True
    controller = resource.get("Properties", {}).get("DeploymentController", {})
    return bool(controller.get("Type") == "CODE_DEPLOY")
