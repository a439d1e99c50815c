"""The release pipeline on this machine: its stages and actions as they were deployed from the template.

    definition = read_definition(client, name)
    execution = Execution(folder, commit_id, source_archive)
    for stage in definition.stages:
        result = run_stage(stage, execution, workshop)

Build actions run with `ecs_blue_green.codebuild`; CloudFormation and deploy actions call the emulator as
CodePipeline calls AWS. There is no service that waits for a push, and no role is assumed.
"""

from ecs_blue_green.pipeline.definition import Action, Definition, Stage, read_definition
from ecs_blue_green.pipeline.execution import (
    ActionResult,
    Execution,
    StageResult,
    Workshop,
    run_action,
    run_stage,
)

__all__ = [
    "Action",
    "ActionResult",
    "Definition",
    "Execution",
    "Stage",
    "StageResult",
    "Workshop",
    "read_definition",
    "run_action",
    "run_stage",
]
