"""`finish`: end the wait in which a release that has all traffic keeps its old tasks."""

from typing import Any

from ecs_blue_green.deployer import clock, commands, interrupts, remedies
from ecs_blue_green.deployer.errors import EXIT_DONE, Blocked, Interrupted
from ecs_blue_green.deployer.invocation import YES, Invocation
from ecs_blue_green.deployer.planning import report
from ecs_blue_green.deployer.release import codedeploy, live
from ecs_blue_green.deployer.release.live import short
from ecs_blue_green.deployer.release.service import Service
from ecs_blue_green.deployer.session import Session
from ecs_blue_green.deployer.terminal import console
from ecs_blue_green.deployer.verbs import _service

POLL_SECONDS = 5


def run(invocation: Invocation) -> int:
    """Say whose tasks go, ask, end the wait, and watch until they are gone."""
    with _service.opened(invocation) as (session, _, service):
        environment = session.environment
        waiting = _waiting(session, service)
        invocation.document["deployment"] = waiting
        if waiting is None:
            report.say("No deployment runs: there is no wait to end.")
            return EXIT_DONE
        invocation.ask(environment, f"End the wait of {waiting}, and with it its old tasks? [y/N]", YES)
        session.lock.check()
        interrupts.check()
        invocation.begun = True
        client = session.aws.client("codedeploy")
        codedeploy.end_wait(client, waiting, commands.make("status", environment.name))
        try:
            _until_ended(client, waiting)
        except KeyboardInterrupt as error:
            raise Interrupted("no longer watched", "CodeDeploy goes on by itself") from error
    if invocation.talks:
        console().print(f"{waiting} has ended")
    return EXIT_DONE


def _waiting(session: Session, service: Service) -> str | None:
    """The deployment that runs, None where none does. Raises Blocked while its traffic still shifts."""
    if not service.deployment_group:
        return None
    now = live.read_live(session.aws, service)
    if now.deployment is None:
        return None
    if now.colour not in ("blue", "green"):
        raise Blocked(
            f"deployment {now.deployment} does not wait for its old tasks yet",
            f"traffic: {now.traffic or 'nowhere'}",
            remedies.WAIT_FOR_TRAFFIC(status=commands.make("status", session.environment.name)),
        )
    stays = [task_set for task_set in now.task_sets if task_set.status == "PRIMARY"]
    goes = [task_set for task_set in now.task_sets if task_set.status != "PRIMARY"]
    for one in stays:
        report.say(f"{short(one.task_definition)} gets all traffic ({now.colour}).")
    for one in goes:
        report.say(
            f"The tasks of {short(one.task_definition)} go now; going back to it is a deployment then."
        )
    return now.deployment


def _until_ended(client: Any, deployment: str) -> None:
    while not codedeploy.deployment(client, deployment).ended:
        clock.sleep(POLL_SECONDS)
