"""What `plan` and `deploy` have in common: the look at the account, the plan, how it is shown and judged."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from ecs_blue_green.deployer import commands, environment, preflight, rules
from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.cloudformation.describe import Stack
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import BadInput
from ecs_blue_green.deployer.execution import left, owner
from ecs_blue_green.deployer.execution.owner import Owners
from ecs_blue_green.deployer.invocation import Invocation
from ecs_blue_green.deployer.layers import Layer, dependencies
from ecs_blue_green.deployer.planning import checks, making, report
from ecs_blue_green.deployer.planning.making import Approved
from ecs_blue_green.deployer.planning.plan import Plan
from ecs_blue_green.deployer.planning.survey import Survey
from ecs_blue_green.deployer.preflight import Answers, image
from ecs_blue_green.deployer.preflight.image import Image
from ecs_blue_green.deployer.release import live, service
from ecs_blue_green.deployer.release.service import Service
from ecs_blue_green.deployer.rules import Finding
from ecs_blue_green.runtime import Runtime


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


def make(
    invocation: Invocation,
    door: Aws,
    settings: Environment,
    layers: Mapping[str, Layer],
    runtime: Runtime,
    only: list[str],
    owners: Owners,
    *,
    verb: Literal["plan", "deploy"],
    keeps_as: str | None = None,
    approved: Approved = making.nothing_approved,
) -> Proposal:
    """Look at the account, then plan.

    Raises what `refuse_overlapping`, `making.make`, `preflight.refuse` and `live.refuse_gone` raise.
    """
    tolerant = invocation.options.no_preflight
    try:
        environment.refuse_overlapping(invocation.root / "params", settings)
    except BadInput as error:
        if not tolerant:
            raise
        report.say(f"ignored (--no-preflight): {error}")
    if note := owner.shipped(settings, runtime):
        report.say(note)
    wanted = image.wanted(settings, layers, runtime.image, invocation.root)
    answers = Answers()
    look = commands.make("status", settings.name)

    def require(stacks: Mapping[str, Stack | None], chosen: list[str]) -> None:
        """Go on only where the service is there, unless nothing of it or on it is to be deployed."""
        needed = runtime.controller.service.layer
        waits_for = dependencies(layers, settings)
        if not any(needed in (slug, *waits_for[slug]) for slug in chosen):
            return
        now = live.of_service(door, service.named(runtime.controller, stacks))
        live.refuse_gone(settings, now)
        if now.idle:
            report.say(f"no task of {now.service} runs, and {now.desired} should: {look}")

    def inspect(survey: Survey) -> None:
        nonlocal answers
        answers = preflight.examine(door, survey, wanted, runtime)
        invocation.document["preflight"] = preflight.document(answers)
        preflight.refuse(settings, answers, wanted, plan_only=verb == "plan", tolerant=tolerant)

    # Before there are change sets, which nobody removes where this is interrupted or refused.
    gone = left.find(door.client("cloudformation"), settings, layers, owners.record.layers)
    plan = making.make(
        door,
        settings,
        layers,
        only,
        report.say,
        verb=verb,
        keeps_as=keeps_as,
        approved=approved,
        require=require,
        inspect=inspect,
    )
    plan = replace(plan, left=gone)
    return Proposal(plan, layers, service.named(runtime.controller, plan.stacks), wanted, answers)


def judge(
    invocation: Invocation, door: Aws, proposal: Proposal, allowed: set[str], *, whole: bool
) -> list[Finding]:
    """Show the plan (`whole`: every resource of new stacks too) and give what blocks it, shown as well.

    `allowed` are the resources that may change although a rule blocks that, as LAYER:LOGICALID.
    """
    plan = proposal.plan
    findings, passing = checks.findings(door, plan, proposal.service, allowed)
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
    return findings
