"""AWS::CodePipeline::Pipeline."""

from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.resources.handler import Created, Handler, generated_name
from ecs_blue_green.emulator.services import codepipeline, shapes


def _declaration(properties: Record, name: str) -> Record:
    request = shapes.request("codepipeline", "CreatePipeline", {"Pipeline": _declared(properties)})
    declaration: Record = request["pipeline"]
    return {"pipelineType": "V1", "executionMode": "SUPERSEDED", **declaration, "name": name}


def _declared(properties: Record) -> Record:
    """The properties that are the pipeline itself; the others tell CloudFormation what else to do."""
    beside = ("Tags", "RestartExecutionOnUpdate", "DisableInboundStageTransitions", "ArtifactStores")
    declared = {name: value for name, value in properties.items() if name not in beside}
    if "ArtifactStores" in properties:
        declared["ArtifactStores"] = {
            item["Region"]: item["ArtifactStore"] for item in properties["ArtifactStores"]
        }
    return declared


def _attributes(name: str) -> Record:
    return {"Version": str(codepipeline.PIPELINES[name]["pipeline"]["version"])}


def _create(logical_id: str, properties: Record, stack_name: str) -> Created:
    name = properties.get("Name") or generated_name(stack_name, logical_id, 100)
    codepipeline.create_pipeline({"pipeline": _declaration(properties, name)})
    return name, _attributes(name)


def _update(physical_id: str, old: Record, new: Record, stack_name: str, logical_id: str) -> Created:
    if _declared(old) != _declared(new):
        codepipeline.update_pipeline({"pipeline": _declaration(new, physical_id)})
    return physical_id, _attributes(physical_id)


def _delete(physical_id: str, properties: Record, logical_id: str) -> None:
    codepipeline.delete_pipeline({"name": physical_id})


HANDLERS = {
    "AWS::CodePipeline::Pipeline": Handler(
        create=_create,
        update=_update,
        delete=_delete,
        name="Name",
        taken=lambda name: name in codepipeline.PIPELINES,
    ),
}
