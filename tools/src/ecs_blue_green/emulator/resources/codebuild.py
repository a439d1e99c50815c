"""AWS::CodeBuild::Project."""

from ecs_blue_green.emulator import engine, references, stores
from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.refusal import Refused
from ecs_blue_green.emulator.resources.handler import Created, Handler, generated_name
from ecs_blue_green.emulator.services import shapes

PRINCIPAL = "codebuild.amazonaws.com"


def _create(logical_id: str, properties: Record, stack_name: str) -> Created:
    name = properties.get("Name") or generated_name(stack_name, logical_id, 255)
    if name in stores.build_projects:
        raise Refused(
            "ResourceAlreadyExistsException", f"Project already exists: {engine.codebuild._project_arn(name)}"
        )
    request = {"timeoutInMinutes": 60, **_request(properties), "name": name}
    engine.answer_of(engine.codebuild._create_project(request))
    stores.build_projects[name] |= _request(properties)
    return name, _attributes(name)


def _update(physical_id: str, old: Record, new: Record, stack_name: str, logical_id: str) -> Created:
    project = stores.build_projects[physical_id]
    for member in _request({name: value for name, value in old.items() if name not in new}):
        project.pop(member, None)
    project |= _request(new)
    return physical_id, _attributes(physical_id)


def _request(properties: Record) -> Record:
    # Triggers and Visibility are set by other operations.
    members = {
        name: value for name, value in properties.items() if name not in ("Triggers", "Visibility", "Name")
    }
    return shapes.request("codebuild", "CreateProject", members)


def _attributes(name: str) -> Record:
    return {"Arn": engine.codebuild._project_arn(name), "Id": name}


def _check(properties: Record) -> None:
    role = properties["ServiceRole"]
    references.require_role(
        role,
        PRINCIPAL,
        "InvalidInputException",
        f"CodeBuild is not authorized to perform: sts:AssumeRole on {role}",
    )
    source, artifacts = properties["Source"]["Type"], properties["Artifacts"]["Type"]
    if (source == "CODEPIPELINE") != (artifacts == "CODEPIPELINE"):
        raise Refused(
            "InvalidInputException",
            f"Invalid source {source} and artifacts {artifacts}: both must be CODEPIPELINE, or neither",
        )


HANDLERS = {"AWS::CodeBuild::Project": Handler(create=_create, update=_update, name="Name", check=_check)}
