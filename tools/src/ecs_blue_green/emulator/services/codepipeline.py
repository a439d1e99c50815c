"""CodePipeline: definitions, checked as CreatePipeline checks them, and the record of executions.

An execution that is started stays InProgress until it is stopped: the actions of a pipeline are not run here.
Creating a pipeline starts none, unlike on AWS.
"""

from collections import Counter
from typing import Any

from ecs_blue_green.emulator import engine, references, stores
from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.refusal import Refused
from ecs_blue_green.emulator.services import codedeploy, connections
from ecs_blue_green.emulator.services.api import new_id, now, page

PIPELINES = engine.new_store()
EXECUTIONS = engine.new_store()

SERVICE_PRINCIPAL = "codepipeline.amazonaws.com"
RUNNING = ("InProgress", "Stopping")


def create_pipeline(request: Record) -> Record:
    """Create a pipeline; `request` holds the declaration as "pipeline"."""
    declaration = request["pipeline"]
    name = declaration["name"]
    if name in PIPELINES:
        raise Refused(
            "PipelineNameInUseException", f"A pipeline with the name '{name}' already exists in account."
        )
    require_valid(declaration)
    PIPELINES[name] = {"pipeline": {**declaration, "version": 1}, "created": now(), "updated": now()}
    return {"pipeline": PIPELINES[name]["pipeline"]}


def update_pipeline(request: Record) -> Record:
    """Replace a pipeline's declaration, as its next version."""
    declaration = request["pipeline"]
    existing = _pipeline(declaration["name"])
    require_valid(declaration)
    existing |= {
        "pipeline": {**declaration, "version": existing["pipeline"]["version"] + 1},
        "updated": now(),
    }
    return {"pipeline": existing["pipeline"]}


def delete_pipeline(request: Record) -> Record:
    """Delete a pipeline with its executions; it may not exist."""
    PIPELINES.pop(request["name"], None)
    EXECUTIONS.pop(request["name"], None)
    return {}


def get_pipeline(request: Record) -> Record:
    """A pipeline's declaration and what is known of it."""
    record = _pipeline(request["name"])
    return {
        "pipeline": record["pipeline"],
        "metadata": {
            "pipelineArn": engine.arn("codepipeline", request["name"]),
            "created": record["created"],
            "updated": record["updated"],
        },
    }


def list_pipelines(request: Record) -> Record:
    """The pipelines of the account in the region."""
    summaries = [
        {
            "name": name,
            "version": record["pipeline"]["version"],
            "pipelineType": record["pipeline"].get("pipelineType", "V1"),
            "executionMode": record["pipeline"].get("executionMode", "SUPERSEDED"),
            "created": record["created"],
            "updated": record["updated"],
        }
        for name, record in PIPELINES.items()
    ]
    items, following = page(summaries, request)
    return {"pipelines": items, **following}


def get_pipeline_state(request: Record) -> Record:
    """The stages of a pipeline and the execution that each holds."""
    record = _pipeline(request["name"])
    latest = next(iter(_executions(request["name"])), None)
    stages = record["pipeline"]["stages"]
    states = [
        {
            "stageName": stage["name"],
            "inboundTransitionState": {"enabled": True},
            "actionStates": [{"actionName": action["name"]} for action in stage["actions"]],
        }
        for stage in stages
    ]
    if latest:
        status = {"Stopping": "Stopping", "InProgress": "InProgress", "Stopped": "Stopped"}[latest["status"]]
        states[0]["latestExecution"] = {
            "pipelineExecutionId": latest["pipelineExecutionId"],
            "status": status,
        }
    return {
        "pipelineName": request["name"],
        "pipelineVersion": record["pipeline"]["version"],
        "stageStates": states,
        "created": record["created"],
        "updated": record["updated"],
    }


def start_pipeline_execution(request: Record) -> Record:
    """Start an execution."""
    record = _pipeline(request["name"])
    values = {variable["name"]: variable["value"] for variable in request.get("variables", [])}
    declared = record["pipeline"].get("variables", [])
    defaults = {variable["name"]: variable.get("defaultValue", "") for variable in declared}
    execution = {
        "pipelineExecutionId": new_id(),
        "status": "InProgress",
        "startTime": now(),
        "lastUpdateTime": now(),
        "trigger": {"triggerType": "StartPipelineExecution"},
        "executionMode": record["pipeline"].get("executionMode", "SUPERSEDED"),
        "executionType": "STANDARD",
        "variables": [
            {"name": name, "resolvedValue": values.get(name, default)} for name, default in defaults.items()
        ],
    }
    EXECUTIONS.setdefault(request["name"], []).insert(0, execution)
    return {"pipelineExecutionId": execution["pipelineExecutionId"]}


def stop_pipeline_execution(request: Record) -> Record:
    """Stop a running execution."""
    execution = _execution(request)
    if execution["status"] not in RUNNING:
        raise Refused(
            "PipelineExecutionNotStoppableException",
            f"The pipeline execution {execution['pipelineExecutionId']} is not in progress.",
        )
    execution |= {
        "status": "Stopped",
        "lastUpdateTime": now(),
        "stopTrigger": {"reason": request.get("reason", "")},
    }
    return {"pipelineExecutionId": execution["pipelineExecutionId"]}


def list_pipeline_executions(request: Record) -> Record:
    """A pipeline's executions, the newest first."""
    _pipeline(request["pipelineName"])
    items, following = page(_executions(request["pipelineName"]), request)
    summaries = [{name: value for name, value in item.items() if name != "variables"} for item in items]
    return {"pipelineExecutionSummaries": summaries, **following}


def get_pipeline_execution(request: Record) -> Record:
    """One execution."""
    execution = _execution(request)
    version = _pipeline(request["pipelineName"])["pipeline"]["version"]
    members = ("pipelineExecutionId", "status", "trigger", "executionMode", "executionType", "variables")
    return {
        "pipelineExecution": {
            "pipelineName": request["pipelineName"],
            "pipelineVersion": version,
            **{name: execution[name] for name in members if name in execution},
        }
    }


def require_valid(declaration: Record) -> None:
    """Raise Refused unless the declaration is sound and everything that its actions name exists."""
    role = declaration["roleArn"]
    if not references.assumable(role, SERVICE_PRINCIPAL):
        raise _invalid(f"CodePipeline is not authorized to perform AssumeRole on role {role}")
    for store in [declaration.get("artifactStore"), *declaration.get("artifactStores", {}).values()]:
        if store:
            references.require_bucket(store["location"], "InvalidStructureException")
    stages = declaration["stages"]
    _require_unique([stage["name"] for stage in stages], "stage")
    produced: set[str] = set()
    for position, stage in enumerate(stages):
        actions = stage["actions"]
        _require_unique([action["name"] for action in actions], f"action in stage {stage['name']}")
        sources = [action["actionTypeId"]["category"] == "Source" for action in actions]
        if any(sources) != (position == 0) or (position == 0 and not all(sources)):
            raise _invalid("Pipeline should start with a stage that only contains source actions")
        _require_artifacts(stage, produced)
        for action in actions:
            _require_action(action)
    _require_triggers(declaration)


def _require_artifacts(stage: Record, produced: set[str]) -> None:
    """Every input must come from an earlier action; `produced` collects the outputs."""
    for order in sorted({action.get("runOrder", 1) for action in stage["actions"]}):
        group = [action for action in stage["actions"] if action.get("runOrder", 1) == order]
        for action in group:
            for artifact in action.get("inputArtifacts", []):
                if artifact["name"] not in produced:
                    raise _invalid(
                        f"Input Artifact Bundle {artifact['name']} in action {action['name']} is not "
                        "declared as Output Artifact Bundle in any of the preceding actions"
                    )
        for action in group:
            for artifact in action.get("outputArtifacts", []):
                if artifact["name"] in produced:
                    raise _invalid(
                        f"Output Artifact Bundle name must be unique within the pipeline: {artifact['name']}"
                    )
                produced.add(artifact["name"])


def _require_action(action: Record) -> None:
    if role := action.get("roleArn"):
        role_record = references.role(role)
        if role_record is None:
            raise _invalid(f"CodePipeline is not authorized to perform AssumeRole on role {role}")
    kind, settings = action["actionTypeId"], action.get("configuration", {})
    provider = kind["provider"]
    check = _ACTION_CHECKS.get(provider) if kind["owner"] == "AWS" else None
    if check is None:
        raise _invalid(
            f"ActionType (Category: '{kind['category']}', Provider: '{provider}') is not available"
        )
    required, look_up = check
    for name in required:
        if not settings.get(name):
            raise _invalid(f"Action '{action['name']}' is missing required configuration '{name}'")
    for name, value in settings.items():
        if len(value) > 1000:
            raise _invalid(
                f"The value of '{name}' in action '{action['name']}' is longer than 1000 characters"
            )
    look_up(settings)


def _require_connection(settings: Record) -> None:
    connections.connection(settings["ConnectionArn"])


def _require_project(settings: Record) -> None:
    if settings["ProjectName"] not in stores.build_projects:
        raise _invalid(f"CodeBuild project {settings['ProjectName']} does not exist")


def _require_role_of_stack(settings: Record) -> None:
    """Some modes need an execution role (CodePipeline user guide, action-reference-CloudFormation)."""
    mode = settings["ActionMode"]
    role = settings.get("RoleArn")
    if mode in ("CREATE_UPDATE", "CHANGE_SET_REPLACE") and not role:
        raise _invalid(f"RoleArn is required for the action mode {mode}")
    if mode.startswith("CHANGE_SET") and not settings.get("ChangeSetName"):
        raise _invalid(f"ChangeSetName is required for the action mode {mode}")
    if role and references.role(role) is None:
        raise _invalid(f"Role {role} does not exist")


def _require_deployment_group(settings: Record) -> None:
    codedeploy.group(settings["ApplicationName"], settings["DeploymentGroupName"])


def _nothing(settings: Record) -> None:
    pass


# Per provider: the configuration that it requires (action structure reference), and what must exist.
_ACTION_CHECKS: dict[str, Any] = {
    "CodeStarSourceConnection": (("ConnectionArn", "FullRepositoryId", "BranchName"), _require_connection),
    "CodeBuild": (("ProjectName",), _require_project),
    "CloudFormation": (("ActionMode", "StackName"), _require_role_of_stack),
    "CodeDeployToECS": (
        (
            "ApplicationName",
            "DeploymentGroupName",
            "TaskDefinitionTemplateArtifact",
            "AppSpecTemplateArtifact",
        ),
        _require_deployment_group,
    ),
    "Manual": ((), _nothing),
    "Lambda": (("FunctionName",), _nothing),
    "S3": ((), _nothing),
    "ECR": (("RepositoryName",), _nothing),
    "Commands": ((), _nothing),
}


def _require_triggers(declaration: Record) -> None:
    if declaration.get("triggers") and declaration.get("pipelineType") != "V2":
        raise _invalid("Triggers are only supported for pipelines of type V2")
    if (
        declaration.get("executionMode", "SUPERSEDED") != "SUPERSEDED"
        and declaration.get("pipelineType") != "V2"
    ):
        raise _invalid("Execution modes other than SUPERSEDED are only supported for pipelines of type V2")
    sources = {action["name"] for action in declaration["stages"][0]["actions"]}
    for trigger in declaration.get("triggers", []):
        if trigger["gitConfiguration"]["sourceActionName"] not in sources:
            raise _invalid("The source action of a trigger must be an action of the source stage")


def _require_unique(names: list[str], what: str) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise _invalid(f"Duplicate {what} name: {name}")


def _invalid(message: str) -> Refused:
    return Refused("InvalidStructureException", message)


def _pipeline(name: str) -> Record:
    record: Record | None = PIPELINES.get(name)
    if record is None:
        raise Refused(
            "PipelineNotFoundException",
            f"Account '{engine.account()}' does not have a pipeline with name '{name}'",
        )
    return record


def _executions(name: str) -> list[Record]:
    executions: list[Record] = EXECUTIONS.get(name, [])
    return executions


def _execution(request: Record) -> Record:
    for execution in _executions(request["pipelineName"]):
        if execution["pipelineExecutionId"] == request["pipelineExecutionId"]:
            return execution
    raise Refused(
        "PipelineExecutionNotFoundException",
        f"There is no execution {request['pipelineExecutionId']} of the pipeline {request['pipelineName']}",
    )


OPERATIONS = {
    "CreatePipeline": create_pipeline,
    "UpdatePipeline": update_pipeline,
    "DeletePipeline": delete_pipeline,
    "GetPipeline": get_pipeline,
    "ListPipelines": list_pipelines,
    "GetPipelineState": get_pipeline_state,
    "StartPipelineExecution": start_pipeline_execution,
    "StopPipelineExecution": stop_pipeline_execution,
    "ListPipelineExecutions": list_pipeline_executions,
    "GetPipelineExecution": get_pipeline_execution,
}
STORES = {"pipelines": PIPELINES, "executions": EXECUTIONS}
