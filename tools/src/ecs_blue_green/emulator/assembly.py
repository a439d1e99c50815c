"""Puts the emulator together: ministack's application with our services, types and refusals in it."""

import asyncio
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from ecs_blue_green.emulator import cloudformation, control, engine, network, placeholders, resources, state
from ecs_blue_green.emulator.account import Account
from ecs_blue_green.emulator.early import DOCUMENTED, Early
from ecs_blue_green.emulator.resources import events
from ecs_blue_green.emulator.services import (
    codedeploy,
    codepipeline,
    connections,
    deployment,
    deployments,
    ecr,
    ecs,
    elbv2,
    requests,
    revisions,
    scaling,
    shapes,
)
from ecs_blue_green.emulator.services.api import Service

busy = engine.stacks_in_progress

_warm: Future[None] = Future()


def application(
    folder: Path,
    account: Account,
    minute: float,
    *,
    attended: bool = False,
    hooks_are_called: bool = False,
    validation: Early = DOCUMENTED,
) -> Any:
    """The ASGI application that plays `account` and keeps its state in `folder`.

    `minute`: the seconds that stand for a minute where a deployment waits.
    `attended`: deployments wait for the tasks that a rehearsal runs, and for the hooks that it calls.
    `hooks_are_called`: they wait for their hooks alone; otherwise a placeholder answers.
    `validation`: how a new change set is validated.
    Raises EmulatorError when there is a state that cannot be read.
    """
    engine.take_models_from(shapes.service_model)
    engine.read_templates_in_c()
    _add_services()
    ecs.install()
    ecs.on_deletion.append(scaling.service_is_deleted)
    codedeploy.on_deletion.append(deployments.forget)
    ecr.install(account.initial_image_tag)
    elbv2.install()
    requests.install()
    deployment.seconds_a_minute = minute
    deployment.hooks_are_called = attended or hooks_are_called
    if attended:
        control.install()
    resources.install()
    cloudformation.install(validation)
    state.attach(folder)
    if account.vpc:
        network.seed(account)
    if not attended:  # A rehearsal has them made itself, and says so.
        with engine.scope(account.id, account.region):
            placeholders.provide(account.names)
    _have_stacks_wait_for_schemas()
    _have_deployments_advance()
    return engine.app.app


def warm_up(account: Account) -> None:
    """Load what the first stack needs, while the client is still starting."""
    try:
        with engine.scope(account.id, account.region):
            resources.learn_replacements()
    except Exception as error:
        _warm.set_exception(error)
        raise
    _warm.set_result(None)


def _add_services() -> None:
    for name, service, targets in (
        (
            "codedeploy",
            Service(
                codedeploy.OPERATIONS | revisions.OPERATIONS | deployments.OPERATIONS,
                codedeploy.STORES | revisions.STORES | deployments.STORES,
                {"deployments": deployment.Deployment},
            ),
            ["CodeDeploy_20141006"],
        ),
        ("codepipeline", Service(codepipeline.OPERATIONS, codepipeline.STORES), ["CodePipeline_20150709"]),
        ("application-autoscaling", scaling.SERVICE, ["AnyScaleFrontendService"]),
        ("codestar-notifications", events.SERVICE, []),
        (
            "codeconnections",
            connections.SERVICE,
            ["com.amazonaws.codeconnections.", "CodeConnections_", "com.amazonaws.codestar.connections."],
        ),
    ):
        engine.add_service(name, service, targets)


def _have_deployments_advance() -> None:
    """Advance deployments before each request that can see what they change."""
    for name in ("codedeploy", "ecs", "elasticloadbalancing"):
        engine.before_each_request(name, deployments.advance_all)


def _have_stacks_wait_for_schemas() -> None:
    """Have CloudFormation's operations that need the resource types wait until the tables are complete."""
    handle = engine.app.SERVICE_HANDLERS["cloudformation"]

    async def when_warm(method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
        if not _warm.done() and not body.startswith((b"Action=Describe", b"Action=List", b"Action=Get")):
            await asyncio.wrap_future(_warm)
        return await handle(method, path, headers, body, query)

    engine.app.SERVICE_HANDLERS["cloudformation"] = when_warm
