"""Deploy a folder's templates with the deployer's core: `python -m benchmarks.deploy.core FOLDER`.

`deploy.py` refuses templates that are not this project's six. This is what it does with any: the lock, the
plan, its execution. Not in it: the preflight, the first image, and what is said.
"""

import sys
from pathlib import Path

from benchmarks.deploy.project import read
from ecs_blue_green.deployer import aws
from ecs_blue_green.deployer.cloudformation import schedule
from ecs_blue_green.deployer.execution import execution, lock
from ecs_blue_green.deployer.execution.lock import Claim
from ecs_blue_green.deployer.planning import current, making, report
from ecs_blue_green.deployer.session import Session


def main(root: Path) -> int:
    """Plan and execute under the lock, and return the exit code."""
    project = read(root)
    with (
        aws.connect(project.environment, root) as door,
        lock.held(door.client("ssm"), project.environment, Claim("deploy")) as held,
    ):
        state = current.read_state(Session(project, door, print), [], has_lock=True)
        planned = making.make_plan(door, state, "deploy")
        if not planned.changes_something:
            return 0
        with report.progress(planned.steps) as progress:
            outcomes = execution.execute(door, planned, progress, lambda slug: held.check())
    for outcome in outcomes:
        if outcome.why:
            print(f"{outcome.layer}: {outcome.result}: {outcome.why}", file=sys.stderr)
    return schedule.exit_code(outcomes)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
