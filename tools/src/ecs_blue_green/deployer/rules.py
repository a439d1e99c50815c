"""What must not happen unasked: the rules that need nothing but a change and its template.

They are pure functions from changes to findings, shared by the deployer's guard (`guard.py` adds the rules
that need the live state) and by the review of a pull request.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ecs_blue_green.deployer import policy, remedies
from ecs_blue_green.deployer.changes import ResourceChange
from ecs_blue_green.deployer.errors import Blocked
from ecs_blue_green.deployer.policy import Update

TASK_DEFINITION = "AWS::ECS::TaskDefinition"
SERVICE = "AWS::ECS::Service"
LISTENER = "AWS::ElasticLoadBalancingV2::Listener"
LISTENER_RULE = "AWS::ElasticLoadBalancingV2::ListenerRule"
DEPLOYMENT_GROUP = "AWS::CodeDeploy::DeploymentGroup"

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
    "listener-live": "a listener or rule of one would be changed while green is live or traffic is shifting",
    "release-running": "a deployment of the service or an execution of the pipeline is running",
    "export-in-use": "an export that another stack imports would change or go away",
    "foreign-stack": "a stack of that name is not this project's",
    "other-repository": "the environment is another repository's",
    "stack-policy": "the deployed stack policy denies the change",
}


_UPDATES: Mapping[str, Update] = {
    "modify": "Update:Modify",
    "replace": "Update:Replace",
    "may replace": "Update:Replace",
    "remove": "Update:Delete",
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

    @property
    def allow(self) -> str:
        """What ALLOW has to name to let this through, now or later; empty where it cannot."""
        resource = f"{self.layer}:{self.resource}"
        return resource if self.resource and self.remedy.endswith(f"ALLOW={resource}") else ""


def honest(findings: Sequence[Finding], staying: Sequence[Finding]) -> list[Finding]:
    """The findings without an offer of ALLOW that lets nothing through: a layer is deployed as a whole.

    `staying` are those that are left where everything is named with ALLOW. What passes with a release, or
    with another command before, is told first.
    """
    passing = (remedies.BLUE_AGAIN(), remedies.LET_GO_FIRST.words.partition("{")[0])
    left = {(one.layer, one.resource, one.rule) for one in staying}
    found = []
    for finding in findings:
        of_layer = [one for one in staying if one.layer == finding.layer and one.rule != "release-running"]
        if (finding.layer, finding.resource, finding.rule) in left or not of_layer:
            found.append(finding)
            continue
        lasting = next((one for one in of_layer if not one.remedy.startswith(passing)), None)
        resource = f"{finding.layer}:{finding.resource}"
        words = lasting.remedy if lasting else remedies.ALLOW_LATER(rule=of_layer[0].rule, resource=resource)
        found.append(replace(finding, remedy=words))
    return found


def allowable(findings: Iterable[Finding]) -> list[str]:
    """What ALLOW names to let through all that it can."""
    return list(dict.fromkeys(finding.allow for finding in findings if finding.allow))


def allowing_all(findings: Sequence[Finding], command: Callable[[list[str]], str]) -> str:
    """How to let through at once what ALLOW lets through; empty where that is one resource at most.

    `command` is what to type with these names.
    """
    names = allowable(findings)
    if len(names) < 2:
        return ""
    staying = dict.fromkeys(f"[{finding.rule}]" for finding in findings if not finding.allow)
    if staying:
        return remedies.ALLOW_ALL_LATER(rules=" and ".join(staying), command=command(names))
    return remedies.ALLOW_ALL(command=command(names))


class Guarded(Blocked):
    """What must not be carried out, with every reason.

    Those that were `shown` with a plan are not told again.
    """

    def __init__(self, findings: list[Finding], *, shown: bool = False) -> None:
        why = f"blocked by {', '.join(dict.fromkeys(finding.rule for finding in findings))}"
        ways_out: list[str] = []
        if not shown:
            reasons = [finding.reason for finding in findings]
            why += f": {reasons[0]}" if len(reasons) == 1 else "".join(f"\n  {reason}" for reason in reasons)
            ways_out = list(dict.fromkeys(finding.remedy for finding in findings))
        super().__init__(
            "nothing was changed", why, "; ".join([*ways_out, "docs/operations.md has every rule"])
        )
        self.findings = findings


def name(layer: str, change: ResourceChange) -> str:
    """How ALLOW (--allow) names a resource."""
    return f"{layer}:{change.logical_id}"


def replacement(layer: str, changes: tuple[ResourceChange, ...], allowed: set[str]) -> Iterator[Finding]:
    """Any replacement or removal that was not named.

    A task definition is always replaced: that is a release, and its revision before stays. The service has a
    rule of its own.
    """
    for change in changes:
        released = change.type == TASK_DEFINITION and change.action != "remove"
        if released or change.type == SERVICE or name(layer, change) in allowed:
            continue
        words = {
            "replace": "would be replaced",
            "may replace": "may be replaced",
            "remove": "would be deleted",
        }
        if change.action in words:
            causes = [p.name for p in change.properties if p.recreation != "Never"]
            because = f" because of {', '.join(causes)}" if causes else ""
            yield Finding(
                layer,
                change.logical_id,
                "replacement",
                f"{change.type} {words[change.action]}{because}",
                remedies.ALLOW(resource=name(layer, change)),
            )


def service_frozen(
    layer: str,
    changes: tuple[ResourceChange, ...],
    resources: Mapping[str, Mapping[str, Any]],
    allowed: set[str],
) -> Iterator[Finding]:
    """Any change of a service that CodeDeploy deploys; `resources` are the template's.

    ALLOW lets through what UpdateService accepts with this controller, and nothing else: CloudFormation
    would fail half-way. A new service is no change.
    """
    for change in changes:
        if change.type != SERVICE or change.stays or change.action in ("add", "import"):
            continue
        declared = resources.get(change.logical_id)
        # One that the template no longer has is judged as CodeDeploy's: the project has no other kind.
        if declared and not is_by_codedeploy(declared.get("Properties", {})):
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
            remedies.UPDATE_SERVICE(resource=name(layer, change)) if acceptable else remedies.TAKE_BACK(),
        )


def is_by_codedeploy(properties: Mapping[str, Any]) -> bool:
    """Whether CodeDeploy controls a service with these properties."""
    controller = properties.get("DeploymentController")
    return isinstance(controller, dict) and controller.get("Type") == "CODE_DEPLOY"


def export_in_use(layer: str, importers: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    """Exports that would change or go away, each with its importers: CloudFormation would refuse it."""
    for export, users in importers.items():
        if users:
            yield Finding(
                layer,
                "",
                "export-in-use",
                f"export {export} changes or goes away, and {', '.join(users)} "
                f"{'imports' if len(users) == 1 else 'import'} it",
                remedies.WITHOUT_IMPORT(),
            )


def stack_policy(
    layer: str,
    changes: tuple[ResourceChange, ...],
    deployed_policy: str | None,
    resources: Mapping[str, Mapping[str, Any]],
    allowed: set[str],
) -> Iterator[Finding]:
    """An update that the deployed stack policy denies, for the resource or for one that references it."""
    resources = without_added(resources, changes)
    for change in changes:
        denied = denied_resources(deployed_policy, resources, change)
        if not deployed_policy or not denied:
            continue
        # What a pattern denies, or nothing allows, is denied by a policy that somebody else wrote.
        lifted = policy.lifted(deployed_policy, denied, types_of(denied, resources, change))
        liftable = not denied_resources(lifted, resources, change)
        if not liftable or name(layer, change) not in allowed:
            others = sorted(denied - {change.logical_id})
            use = "uses" if len(others) == 1 else "use"
            because = f", because {', '.join(others)} {use} it" if change.logical_id not in denied else ""
            yield Finding(
                layer,
                change.logical_id,
                "stack-policy",
                f"the stack policy protects it{because}",
                remedies.ALLOW(resource=name(layer, change)) if liftable else remedies.SET_STACK_POLICY(),
            )


def denied_resources(
    deployed_policy: str | None, resources: Mapping[str, Mapping[str, Any]], change: ResourceChange
) -> set[str]:
    """The resources for which a policy denies this change: itself, and those that reference it.

    "You must also have permission to update any resources that reference the resource":
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html
    """
    if not deployed_policy or change.stays or change.action not in _UPDATES:
        return set()
    denied = set()
    if policy.denies(deployed_policy, change.logical_id, change.type, _UPDATES[change.action]):
        denied.add(change.logical_id)
    for logical_id, resource in resources.items():
        # What happens to a referrer is an update in place unless AWS says otherwise in a change of its own.
        if (
            logical_id != change.logical_id
            and policy.denies(deployed_policy, logical_id, resource["Type"], "Update:Modify")
            and change.logical_id in references(resource.get("Properties"))
        ):
            denied.add(logical_id)
    return denied


def without_added(
    resources: Mapping[str, Mapping[str, Any]], changes: Iterable[ResourceChange]
) -> Mapping[str, Mapping[str, Any]]:
    """A template's resources without those that its stack does not have yet: no policy is about them."""
    added = {change.logical_id for change in changes if change.action == "add"}
    return {name: resource for name, resource in resources.items() if name not in added}


def types_of(
    logical_ids: Iterable[str], resources: Mapping[str, Mapping[str, Any]], change: ResourceChange
) -> dict[str, str]:
    """The type of each of these resources, of which the changed one may have left the template."""
    known = {change.logical_id: change.type}
    return {name: known.get(name) or resources[name]["Type"] for name in logical_ids}


def forwards(properties: Mapping[str, Any]) -> bool:
    """Whether a listener with these properties sends requests to a target group."""
    actions = properties.get("DefaultActions", [])
    return any(isinstance(action, dict) and action.get("Type") == "forward" for action in actions)


def references(value: Any) -> set[str]:
    """The logical ids that a part of a template refers to by Ref, GetAtt or Sub."""
    found: set[str] = set()
    if isinstance(value, dict):
        for key, member in value.items():
            if key == "Ref":
                found.add(member)
            elif key == "Fn::GetAtt":
                found.add(member[0] if isinstance(member, list) else member.split(".")[0])
            elif key == "Fn::Sub":
                text, *rest = member if isinstance(member, list) else [member]
                found |= {part.split("}")[0].split(".")[0] for part in text.split("${")[1:]}
                found |= references(rest)
            else:
                found |= references(member)
    elif isinstance(value, list):
        for member in value:
            found |= references(member)
    return found
