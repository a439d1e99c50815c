"""`rollback`: stop the running release, or go back to the one before the last."""

from dataclasses import asdict

from ecs_blue_green.deployer import commands, interrupts, remedies
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import EXIT_DONE, Interrupted
from ecs_blue_green.deployer.execution.sessions import LockedSession
from ecs_blue_green.deployer.invocation import YES, Invocation
from ecs_blue_green.deployer.planning import report
from ecs_blue_green.deployer.release import codedeploy, rollback
from ecs_blue_green.deployer.release.live import Live, short
from ecs_blue_green.deployer.release.rollback import Intention
from ecs_blue_green.deployer.release.service import Service
from ecs_blue_green.deployer.terminal import console
from ecs_blue_green.deployer.verbs import _service


def run(invocation: Invocation) -> int:
    """Say what going back means, ask, do it, and wait until the users are served by it."""
    with _service.opened(invocation) as (session, _, service):
        return _rollback(invocation, session, service)


def _rollback(invocation: Invocation, session: LockedSession, service: Service) -> int:
    environment, stops = session.environment, invocation.options.stop
    intention = rollback.intend(session.aws, environment, service, stops=stops)
    invocation.document |= _document(intention)
    for line in _lines(intention, environment, at_once=invocation.options.at_once):
        report.say(line)
    if intention.act != "follow":
        invocation.ask(environment, f"Go back to {short(intention.returns)}? [y/N]", YES)
    session.lock.check()
    interrupts.check()
    invocation.begun = True
    try:
        result = rollback.carry_out(session, service, intention, at_once=invocation.options.at_once)
    except KeyboardInterrupt as error:
        raise Interrupted(
            "no longer watched",
            "CodeDeploy goes on by itself",
            remedies.FOLLOW_ROLLBACK(rollback=invocation.command),
        ) from error
    invocation.document |= {"rollback_deployment": result.deployment, "live": _live(result.live)}
    if invocation.talks:
        console().print(f"{short(intention.returns)} gets all traffic ({result.live.colour})")
    return EXIT_DONE


def _document(intention: Intention) -> dict[str, object]:
    return {
        "action": intention.act,
        "deployment": intention.deployment.id,
        "leaves": intention.leaves or None,
        "returns": intention.returns,
        "ignored_alarms": list(intention.ignored),
        "pipeline_execution": intention.execution,
    }


def _live(now: Live) -> dict[str, object]:
    return {"colour": now.colour, "task_sets": [asdict(task_set) for task_set in now.task_sets]}


def _lines(intention: Intention, environment: Environment, *, at_once: bool) -> list[str]:
    """What will happen, for the person who is asked."""
    leaves, returns = short(intention.leaves), short(intention.returns)
    deployment = intention.deployment
    lines = {
        "stop": [
            f"Deployment {deployment.id} is bringing {leaves} into production.",
            f"It is stopped, and {returns}, whose tasks still run, gets all traffic.",
        ],
        "follow": [
            f"Deployment {deployment.id} is bringing {returns} back already.",
            *_way_to_stop(intention, environment),
        ],
        "deploy": [
            f"{leaves} is in production, and no deployment runs.",
            f"{returns} is deployed again, as {deployment.id} did on {deployment.created:%Y-%m-%d %H:%M}; "
            f"traffic shifts {'at once' if at_once else f'as {intention.group.configuration} says'}.",
        ],
    }[intention.act]
    if intention.ignored:
        lines.append(f"In ALARM already, so not watched this time: {', '.join(intention.ignored)}.")
    if intention.execution:
        lines.append(
            f"Pipeline execution {intention.execution} runs: "
            + (
                "its deployment fails with this."
                if intention.act == "stop"
                else "it may release again after this."
            )
        )
    return lines


def _way_to_stop(intention: Intention, environment: Environment) -> list[str]:
    """How to have what is being left stay, where that can be."""
    if not intention.leaves or intention.deployment.creator == codedeploy.CODEDEPLOY_ROLLBACK:
        return []
    stop = commands.make("rollback", environment.name, ARGS="--stop")
    return [f"It is followed. To stop it, so that {short(intention.leaves)} stays: {stop}"]
