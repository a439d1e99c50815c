"""CodeBuild on this machine: a project's build specification is run as it is in the template.

    project = read_project("Tests", resolved_properties)
    machine = Machine(path=[stand_ins.make_stand_ins(folder / "bin")])
    build = run(project, source_folder, output=folder / "artifact.zip", machine=machine)

What is real: bash, the commands, the order of phases, which of them run after a failure, the variables and
where they come from, the files of the artifact. What is not: the image (the programs of this machine are
used, with stand-ins for those that would reach AWS), the user (whoever runs this), the network's limits.
"""

from ecs_blue_green.codebuild.build import SUCCEEDED, Build, Machine, PhaseResult, run
from ecs_blue_green.codebuild.project import Project, read_project
from ecs_blue_green.codebuild.specification import BadSpecification

__all__ = [
    "SUCCEEDED",
    "BadSpecification",
    "Build",
    "Machine",
    "PhaseResult",
    "Project",
    "read_project",
    "run",
]
