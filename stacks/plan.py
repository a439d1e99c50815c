"""What a deploy would do, layer by layer, before anything is done.

A layer whose stack equals its template, parameters and tags is found without a change set. For the others
CloudFormation makes one. Where that cannot be asked yet, because a layer that this one imports from has not
been deployed, the template itself is the plan, and the plan says so (`change_set` is None).
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Literal

from botocore.exceptions import ClientError

from stacks import cloudformation, template
from stacks.aws import Aws
from stacks.changes import ResourceChange
from stacks.cloudformation import FAILED_CREATIONS, ChangeSet, Sleep, Stack
from stacks.environment import Environment
from stacks.errors import BadInput, Blocked, Failed
from stacks.layers import EXECUTION_ROLE, RELEASED_LAYER, Layer, dependencies, exports, imports
from stacks.rules import Finding, Guarded
from stacks.schedule import WORKERS

Act = Literal["nothing", "create", "update", "recreate"]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Step:
    """What happens to one layer's stack."""

    layer: Layer
    act: Act
    stack: Stack | None = None
    changes: tuple[ResourceChange, ...] = ()
    change_set: ChangeSet | None = None
    deployed_policy: str | None = None
    sets_policy: bool = False
    sets_protection: bool = False

    @property
    def changes_something(self) -> bool:
        """Whether anything is to be done, a stack policy or protection included."""
        return self.act != "nothing" or self.sets_policy or self.sets_protection


@dataclass(frozen=True)
class Plan:
    """The steps by layer, in an order of deployment, and what each layer waits for.

    `stacks` are all of the environment's stacks as found, `exported` maps the names that each new template
    exports to its outputs' logical ids.
    """

    environment: Environment
    steps: Mapping[str, Step]
    waits_for: Mapping[str, set[str]]
    stacks: Mapping[str, Stack | None]
    exported: Mapping[str, Mapping[str, str]]

    @property
    def changes_something(self) -> bool:
        """Whether a deploy would do anything."""
        return any(step.changes_something for step in self.steps.values())

    @property
    def digest(self) -> str:
        """What is approved, in 64 hexadecimal digits: templates, parameters, tags and the deployed state."""
        facts = {
            slug: [inputs_digest(self.environment, step.layer), state(step.stack)]
            for slug, step in self.steps.items()
        }
        where = [self.environment.name, self.environment.account, self.environment.region]
        return _digest([where, facts])


def inputs_digest(environment: Environment, layer: Layer) -> str:
    """What a layer is deployed with: template, stack policy, parameters, tags."""
    given = environment.parameters_for(layer.parameters)
    return _digest([layer.body, layer.stack_policy, given, environment.stack_tags(layer.slug)])


def _digest(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def state(stack: Stack | None) -> list[str]:
    """What tells whether a stack has moved: its ARN, its status, and when it was last operated on."""
    return [stack.arn, stack.status, str(stack.changed)] if stack else []


def make(
    aws: Aws,
    environment: Environment,
    layers: Mapping[str, Layer],
    only: Iterable[str] = (),
    say: Say = lambda text: None,
    sleep: Sleep = time.sleep,
) -> Plan:
    """Plan the deployment of `layers`, or of those in `only`.

    Leaves change sets behind, which `discard` or the execution removes. Raises BadInput when a layer of
    `only` imports from one that is neither deployed nor in `only`; Blocked when a stack is in a state from
    which it cannot be deployed.
    """
    client = aws.client("cloudformation")
    waits_for = dependencies(layers, environment)
    chosen = _chosen(layers, only)
    with ThreadPoolExecutor(WORKERS) as pool:
        found = dict(
            zip(
                layers,
                pool.map(lambda slug: settled(client, environment.stack_name(slug), sleep, say), layers),
                strict=True,
            )
        )
        for slug, stack in found.items():
            if stack:
                refuse_foreign(environment, slug, stack)
        _refuse_missing(environment, layers, found, chosen, waits_for)
        exported = {name for stack in found.values() if stack for name in stack.exports}

        def step(slug: str) -> Step:
            ready = imports(layers[slug], environment) <= exported and not any(
                _is_failed(found[upstream]) for upstream in waits_for[slug]
            )
            role = _role(environment, slug, found)
            return _step(client, environment, layers[slug], found[slug], role, ready, sleep)

        futures = {slug: pool.submit(step, slug) for slug in chosen}
        try:
            steps = {slug: future.result() for slug, future in futures.items()}
        except BaseException:
            for future in futures.values():
                future.cancel()
            made = [f.result() for f in futures.values() if not f.cancelled() and not f.exception()]
            _discard(client, made)
            raise
    return Plan(
        environment=environment,
        steps=steps,
        waits_for={slug: waits_for[slug] & steps.keys() for slug in steps},
        stacks=found,
        exported={slug: exports(layers[slug], environment) for slug in layers},
    )


def discard(aws: Aws, plan: Plan) -> None:
    """Remove what planning left: its change sets, and the empty stacks that they made."""
    _discard(aws.client("cloudformation"), plan.steps.values())


def _discard(client: Any, steps: Iterable[Step]) -> None:
    for step in steps:
        if step.change_set:
            cloudformation.delete_change_set(client, step.change_set.arn)
            if step.stack is None:
                cloudformation.delete_shell(client, step.change_set.stack_arn)


def _chosen(layers: Mapping[str, Layer], only: Iterable[str]) -> list[str]:
    wanted = set(only)
    unknown = wanted - layers.keys()
    if unknown:
        raise BadInput(
            f"there is no layer {', '.join(sorted(unknown))}",
            f"the layers are {', '.join(layers)}",
            "name one of these with --only",
        )
    return [slug for slug in layers if not wanted or slug in wanted]


def settled(client: Any, name: str, sleep: Sleep, say: Say = lambda text: None) -> Stack | None:
    """The stack once no operation runs on it: somebody else's is waited for, never interrupted."""
    stack = cloudformation.describe(client, name)
    delay = 0.5
    if stack and stack.moving:
        say(f"{name} is {stack.status}: waiting for that to end")
    while stack and stack.moving:
        sleep(delay)
        delay = min(delay * 1.5, 10.0)
        stack = cloudformation.describe(client, stack.arn)
    if stack and stack.status == "UPDATE_ROLLBACK_FAILED":
        raise Blocked(
            f"{name} is UPDATE_ROLLBACK_FAILED",
            stack.reason or "CloudFormation could not bring its resources back",
            f"remove the cause, then: aws cloudformation continue-update-rollback --stack-name {name}",
        )
    return stack


def _is_failed(stack: Stack | None) -> bool:
    return stack is not None and stack.status in FAILED_CREATIONS


def refuse_foreign(environment: Environment, layer: str, stack: Stack) -> None:
    """Raise Guarded when the stack's tags do not say that this project made it."""
    wanted = environment.stack_tags(layer)
    if stack.exists and any(
        stack.tags.get(key) != wanted[key] for key in ("Project", "Environment", "Layer")
    ):
        raise Guarded(
            [
                Finding(
                    layer,
                    "",
                    "foreign-stack",
                    f"the stack {stack.name} lacks the tags Project={environment.project}, "
                    f"Environment={environment.name}, Layer={layer}",
                    f"choose another `project:` in params/{environment.name}.yaml",
                )
            ]
        )


def _refuse_missing(
    environment: Environment,
    layers: Mapping[str, Layer],
    found: Mapping[str, Stack | None],
    chosen: Iterable[str],
    waits_for: Mapping[str, set[str]],
) -> None:
    for slug in chosen:
        needed = imports(layers[slug], environment)
        for upstream in sorted(waits_for[slug] - set(chosen)):
            stack = found[upstream]
            deployed = stack.exports.keys() if stack and not _is_failed(stack) else set()
            missing = needed & exports(layers[upstream], environment).keys() - deployed
            if missing:
                raise BadInput(
                    f"{slug} imports {sorted(missing)[0]}",
                    f"{upstream} is not deployed with that export",
                    f"add --only {upstream}",
                )


def _role(environment: Environment, slug: str, found: Mapping[str, Stack | None]) -> str | None:
    """The role through which CloudFormation operates this layer's stack, where that is not the caller's."""
    if slug != RELEASED_LAYER:
        return None
    owner, output = EXECUTION_ROLE
    stack = found.get(owner)
    return stack.exports.get(f"{environment.stack_name(owner)}-{output}") if stack else None


def _step(
    client: Any,
    environment: Environment,
    layer: Layer,
    stack: Stack | None,
    role: str | None,
    ready: bool,
    sleep: Sleep,
) -> Step:
    deployed = stack if stack and stack.exists and not _is_failed(stack) else None
    policy = client.get_stack_policy(StackName=deployed.arn).get("StackPolicyBody") if deployed else None
    step = Step(
        layer,
        "nothing",
        stack,
        deployed_policy=policy,
        sets_policy=not template.same_json(policy or "null", layer.stack_policy or policy or "null"),
        sets_protection=environment.protected and not (deployed and deployed.protected),
    )
    if deployed and _unchanged(client, environment, layer, deployed, role):
        return step
    act: Act = "update" if deployed else "recreate" if _is_failed(stack) else "create"
    if act == "recreate" or not ready:
        before = template.resources(cloudformation.template_body(client, deployed)) if deployed else {}
        return replace(step, act=act, changes=template.changes(before, layer, environment))
    made = request(client, environment, layer, deployed, role, sleep)
    return replace(step, act=act, changes=made.changes, change_set=made) if made else step


def request(
    client: Any,
    environment: Environment,
    layer: Layer,
    deployed: Stack | None,
    role: str | None,
    sleep: Sleep,
) -> ChangeSet | None:
    """Have CloudFormation make the layer's change set; None when it would change nothing."""
    name = environment.stack_name(layer.slug)
    try:
        return cloudformation.create_change_set(
            client,
            stack_name=deployed.arn if deployed else name,
            kind="UPDATE" if deployed else "CREATE",
            body=layer.body,
            parameters=environment.parameters_for(layer.parameters),
            tags=environment.stack_tags(layer.slug),
            capabilities=layer.capabilities,
            role_arn=role,
            sleep=sleep,
        )
    except cloudformation.ChangeSetFailedError as error:
        raise Failed(
            f"CloudFormation refuses the change of {name}",
            str(error).rstrip("."),
            f"correct templates/ or params/{environment.name}.yaml, then run again",
        ) from error
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        raise Failed(
            f"CloudFormation refuses build/{layer.slug}.yaml",
            error.response["Error"]["Message"].rstrip("."),
            f"correct templates/ or params/{environment.name}.yaml, then run again",
        ) from error


def _unchanged(client: Any, environment: Environment, layer: Layer, stack: Stack, role: str | None) -> bool:
    return (
        dict(stack.parameters) == template.parameter_values(layer, environment)
        and dict(stack.tags) == environment.stack_tags(layer.slug)
        and (role is None or stack.role_arn == role)
        and cloudformation.template_body(client, stack) == layer.body
    )
