"""What `plan` and `deploy` have in common: the look at the account, the plan, how it is shown and judged."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ecs_blue_green.deployer import commands, environment, interrupts, preflight, rules
from ecs_blue_green.deployer.errors import BadInput
from ecs_blue_green.deployer.execution import left, owner
from ecs_blue_green.deployer.execution.sessions import Found
from ecs_blue_green.deployer.invocation import Invocation
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.planning import checks, current, making, report, saved
from ecs_blue_green.deployer.planning.current import EnvironmentState
from ecs_blue_green.deployer.planning.plan import Plan
from ecs_blue_green.deployer.preflight import Answers, image
from ecs_blue_green.deployer.preflight.image import Image
from ecs_blue_green.deployer.release import live, service
from ecs_blue_green.deployer.release.service import Service
from ecs_blue_green.deployer.rules import Finding
from ecs_blue_green.deployer.session import Session


@dataclass(frozen=True)
class Proposal:
    """A plan, and what was found out about the account before it.

    `service` is what a release goes through now, `wanted` its first image.
    """

    plan: Plan
    layers: Mapping[str, Layer]
    service: Service
    wanted: Image
    answers: Answers


def propose(
    invocation: Invocation,
    session: Session,
    only: list[str],
    found: Found,
    *,
    name: str | None = None,
    kept: Mapping[str, Any] | None = None,
) -> Proposal:
    """Look at the account, then plan the deployment of the layers in `only`.

    `name` is that of the change sets of a plan that is to be kept, and `kept` one that was. Raises what
    `refuse_overlapping`, `current.read_state`, `making.make_plan`, `preflight.refuse` and `live.refuse_gone`
    raise.
    """
    settings, runtime, verb = session.environment, session.project.runtime, invocation.options.verb
    tolerant = invocation.options.no_preflight
    try:
        environment.refuse_overlapping(invocation.root / "params", settings)
    except BadInput as error:
        if not tolerant:
            raise
        session.say(f"ignored (--no-preflight): {error}")
    if note := owner.shipped(settings, runtime):
        session.say(note)
    wanted = image.required_image(settings, session.layers, runtime.image, invocation.root)
    # Before there are change sets, which nobody removes where this is interrupted or refused.
    left_stacks = left.find(session.cloudformation, settings, session.layers, found.owners.record.layers)
    state = _read_state(session, only, found, has_lock=verb == "deploy")
    answers = Answers()
    if state.changed:
        # Of what the guards ask when the change sets are there.
        session.aws.prepare("elbv2", "codedeploy", "codepipeline")
        answers = preflight.examine(session.aws, state.survey, wanted, runtime)
        invocation.document["preflight"] = preflight.document(answers)
        preflight.refuse(settings, answers, wanted, plan_only=verb == "plan", tolerant=tolerant)
    change_sets = saved.executable(session.aws, kept, state) if kept else {}
    plan = making.make_plan(session.aws, state, verb, name=name, kept=change_sets)
    plan = replace(plan, left=left_stacks)
    return Proposal(plan, session.layers, service.named(runtime.controller, plan.stacks), wanted, answers)


def _read_state(session: Session, only: list[str], found: Found, *, has_lock: bool) -> EnvironmentState:
    """Read the stacks. Goes on only where the service is there, unless nothing of it or on it is deployed."""
    controller, waits_for = session.project.runtime.controller, session.project.waits_for
    needed = controller.service.layer
    if not any(needed in (slug, *waits_for[slug]) for slug in only or session.layers):
        return current.read_state(session, only, found.stacks, has_lock=has_lock)
    with interrupts.threads(1) as pool:
        asked = pool.submit(live.service_state, session.aws, service.named(controller, found.stacks))
        state = current.read_state(session, only, found.stacks, has_lock=has_lock)
        # Where a stack was waited for, what that has done to the service is not in the answer.
        now = (
            asked.result()
            if state.stacks == found.stacks
            else live.service_state(session.aws, service.named(controller, state.stacks))
        )
    live.refuse_gone(session.environment, now)
    if now.idle:
        status = commands.make("status", session.environment.name)
        session.say(f"no task of {now.service} runs, and {now.desired} should: {status}")
    return state


def judge(
    invocation: Invocation, session: Session, proposal: Proposal, allowed: set[str], *, whole: bool
) -> tuple[Plan, list[Finding]]:
    """Show the plan (`whole`: every resource of new stacks too) and what blocks it; gives both.

    `allowed` are the resources that may change although a rule blocks that, as LAYER:LOGICALID.
    """
    with interrupts.threads(1) as pool:
        # What CloudFormation warns of is only told, so it is asked beside what the guards need to know.
        warned = pool.submit(making.warned, session.aws, proposal.plan)
        findings, passing = checks.findings(session.aws, proposal.plan, proposal.service, allowed)
        plan = warned.result()
    invocation.document |= report.plan_document(plan, findings, passing)
    if invocation.talks:
        report.show_plan(plan, whole=whole)
        report.show_findings(findings, rules.allowing_all(findings, invocation.allowing))
    for note in [
        *(f"beside the release that runs, {found.layer}:{found.resource}: {found.why}" for found in passing),
        *checks.unmatched(plan, invocation.options.allow, proposal.layers),
        *preflight.notes(plan.environment, proposal.answers, proposal.wanted),
    ]:
        report.say(note)
    return plan, findings
