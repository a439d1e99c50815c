"""Revisions of CodeDeploy's applications: the AppSpec of an ECS deployment, known by its hash.

A deployment shows only the hash; the text is in GetApplicationRevision (botocore, codedeploy GetDeployment).
"""

import hashlib

import yaml

from ecs_blue_green.emulator import engine
from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.refusal import Refused
from ecs_blue_green.emulator.services import codedeploy
from ecs_blue_green.emulator.services.api import now

REVISIONS = engine.new_store()

# The kinds of revision that are a text, with the member that holds it (codedeploy RevisionLocation).
MEMBERS = {"AppSpecContent": "appSpecContent", "String": "string"}


def register(application: str, revision: Record) -> Record:
    """Keep a revision's text, and return the revision as CodeDeploy shows it, by the hash of its text."""
    member = MEMBERS.get(revision.get("revisionType", ""), "")
    content = revision.get(member, {}).get("content")
    if content is None:
        return revision
    digest = hashlib.sha256(content.encode()).hexdigest()
    REVISIONS.setdefault((application, digest), {"content": content, "registerTime": now()})
    return {"revisionType": revision["revisionType"], member: {"sha256": digest}}


def app_spec(application: str, revision: Record) -> tuple[Record, Record]:
    """The target's properties and the hooks of a revision's AppSpec; raises Refused when it is not valid."""
    content = _text(application, revision)
    try:
        document = yaml.safe_load(content)
        properties = document["Resources"][0]["TargetService"]["Properties"]
        hooks = {event: function for item in document.get("Hooks") or [] for event, function in item.items()}
        target = {
            "taskDefinition": properties["TaskDefinition"],
            "containerName": properties["LoadBalancerInfo"]["ContainerName"],
            "containerPort": int(properties["LoadBalancerInfo"]["ContainerPort"]),
            **_overrides(properties),
        }
    except (yaml.YAMLError, TypeError, LookupError, ValueError) as error:
        raise Refused("InvalidRevisionException", f"The AppSpec cannot be read: {error!r}") from error
    return target, hooks


def _overrides(properties: Record) -> Record:
    """What an AppSpec may set beside the revision, as CreateTaskSet takes it.

    https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-resources.html
    """
    changes: Record = {}
    if network := properties.get("NetworkConfiguration", {}).get("AwsvpcConfiguration"):
        changes["networkConfiguration"] = {"awsvpcConfiguration": _in_camel_case(network)}
    if version := properties.get("PlatformVersion"):
        changes["platformVersion"] = version
    if strategy := properties.get("CapacityProviderStrategy"):
        changes["capacityProviderStrategy"] = [_in_camel_case(provider) for provider in strategy]
    return {"moved": changes}


def _in_camel_case(properties: Record) -> Record:
    return {name[0].lower() + name[1:]: value for name, value in properties.items()}


def register_application_revision(request: Record) -> Record:
    """Register a revision."""
    name = codedeploy.application(request["applicationName"])["applicationName"]
    register(name, request["revision"])
    return {}


def get_application_revision(request: Record) -> Record:
    """A revision with its text."""
    name = codedeploy.application(request["applicationName"])["applicationName"]
    revision = register(name, request["revision"])
    member = MEMBERS.get(revision.get("revisionType", ""), "")
    record = _kept(name, revision)
    return {
        "applicationName": name,
        "revision": {**revision, member: {**revision[member], "content": record["content"]}},
        "revisionInfo": {"registerTime": record["registerTime"]},
    }


def _text(application: str, revision: Record) -> str:
    if location := revision.get("s3Location"):
        return engine.s3._get_object_data(location["bucket"], location["key"]) or ""
    content: str = _kept(application, register(application, revision))["content"]
    return content


def _kept(application: str, revision: Record) -> Record:
    digest = revision.get(MEMBERS.get(revision.get("revisionType", ""), ""), {}).get("sha256")
    record: Record | None = REVISIONS.get((application, digest))
    if record is None:
        raise Refused("RevisionDoesNotExistException", f"No revision of {application} is known by {digest}")
    return record


OPERATIONS = {
    "RegisterApplicationRevision": register_application_revision,
    "GetApplicationRevision": get_application_revision,
}
STORES = {"revisions": REVISIONS}
