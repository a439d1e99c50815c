"""The preflight checks, all at the same time, and what their findings mean for the deployment."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from ecs_blue_green.deployer import interrupts, remedies
from ecs_blue_green.deployer.aws import CONNECTIONS, EXPIRED, Aws, failure
from ecs_blue_green.deployer.effects.schemas import schema
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import BadInput, Blocked
from ecs_blue_green.deployer.planning.survey import Survey
from ecs_blue_green.deployer.preflight import (
    connection,
    domain,
    engine,
    image,
    names,
    network,
    providers,
    quotas,
    references,
)
from ecs_blue_green.deployer.preflight.finding import PreflightFinding, parameter
from ecs_blue_green.deployer.preflight.image import Image
from ecs_blue_green.runtime import Runtime

# Each check is one call, or a few: as many run in parallel as there are connections.
WORKERS = CONNECTIONS

ImageState = Literal["not needed", "there", "to be built", "missing", "placeholder"]


class Question(NamedTuple):
    """A check: what to say when it cannot be made, and how to make it."""

    about: str
    ask: Callable[[], Iterable[PreflightFinding]]


@dataclass(frozen=True)
class Answers:
    """What was found. `unchecked` says what could not be asked, and why.

    `connection` is the status of the connection to GitHub while the layers in `waiting` are not made, None
    where there is none yet or nothing waits for it. `engine` is the program that will build the image.
    """

    findings: tuple[PreflightFinding, ...] = ()
    unchecked: tuple[str, ...] = ()
    image: ImageState = "not needed"
    engine: str | None = None
    connection: str | None = None
    waiting: tuple[str, ...] = ()

    @property
    def connection_waits(self) -> bool:
        """Whether somebody must complete the connection before the layers in `waiting` can be created."""
        return self.connection not in (None, connection.AVAILABLE)


def examine(aws: Aws, survey: Survey, required: Image, runtime: Runtime) -> Answers:
    """Ask everything that matters for what would change; nothing is asked when nothing is new.

    Raises Failure when AWS cannot be asked at all: credentials, network.
    """
    findings: list[PreflightFinding] = [*_region(survey)]
    unchecked: list[str] = []
    with interrupts.threads(WORKERS) as pool:
        picture = pool.submit(_image, aws, survey, required)
        link = pool.submit(_connection, aws, survey)
        questions = _questions(aws, survey, runtime)
        asked = [(question, pool.submit(_answer, question)) for question in questions]
        for question, future in asked:
            answers, why = future.result()
            findings += answers
            if why:
                unchecked.append(f"{question.about}: {why}")
        state, program = picture.result()
        status, waiting, why = link.result()
        if why:
            unchecked.append(f"the connection: {why}")
    return Answers(tuple(dict.fromkeys(findings)), tuple(unchecked), state, program, status, waiting)


def refuse(
    environment: Environment,
    answers: Answers,
    required: Image,
    *,
    plan_only: bool = False,
    tolerant: bool = False,
) -> None:
    """Raise what the findings amount to: BadInput when the file is wrong, Blocked when a person must act.

    A plan (`plan_only`) may be made where no image can be built: it may be carried out elsewhere. `tolerant`
    is for accounts that are set up in a way that the checks take for wrong; the image is no such matter.
    """
    file = f"params/{environment.name}.yaml"
    findings = [] if tolerant else [*answers.findings]
    ways_out = []
    if findings:
        wrong = any(not finding.action for finding in findings)
        ways_out.append(remedies.CORRECT(file=file) if wrong else remedies.DO_WHAT_IT_SAYS())
    if answers.image == "missing" and not plan_only:
        findings.append(no_image(required))
        ways_out.append(remedies.BUILD_IMAGE(commands=image.steps(environment, required)))
    if not findings:
        return
    kind = Blocked if all(finding.action for finding in findings) else BadInput
    raise kind(
        f"account {environment.account} is not ready for {file}",
        "".join(f"\n  {finding}" for finding in findings),
        f"nothing was changed; {'; '.join(ways_out)}",
    )


def notes(environment: Environment, answers: Answers, required: Image) -> Iterator[str]:
    """What else to know before approving the plan."""
    if answers.image == "to be built":
        yield f"the image {required} does not exist yet: {answers.engine} will build and push it"
    if answers.image == "missing":
        yield f"the image {required} does not exist yet, and no container engine runs here to build it"
    if answers.image == "placeholder":
        yield f"the emulator has placeholders for the image {required} and for the connection to GitHub"
    elif answers.connection_waits:
        layers = ", ".join(answers.waiting)
        yield f"{layers} waits until somebody completes the connection: it is {answers.connection}"
    for finding in answers.findings:
        yield f"ignored (--no-preflight): {finding}"
    for text in answers.unchecked:
        yield f"not checked: {text}"


def document(answers: Answers) -> dict[str, Any]:
    """The same for scripts."""
    return {
        "troubles": [
            {
                "key": finding.key,
                "value": finding.value or None,
                "reason": finding.reason,
                "act": finding.action or None,
            }
            for finding in answers.findings
        ],
        "unchecked": list(answers.unchecked),
        "image": answers.image,
        "connection": answers.connection,
    }


def _questions(aws: Aws, survey: Survey, runtime: Runtime) -> Iterator[Question]:
    if network.relevant(survey, runtime.network):
        yield Question("the network", partial(network.findings, aws, survey, runtime))
    if providers.named(survey, runtime) or providers.existing(survey, runtime):
        yield Question(
            "the cluster and its capacity providers", partial(providers.findings, aws, survey, runtime)
        )
    if runtime.domain and domain.relevant(survey, runtime.domain):
        yield Question("the hosted zone", partial(domain.findings, aws, survey, runtime.domain))
    for title, arn, key in references.arns(survey, runtime.keys):
        yield Question(title, partial(references.findings, aws, survey, title, arn, key))
    for bucket, name in references.buckets(survey, runtime.buckets):
        yield Question(bucket.parameter, partial(references.bucket_findings, aws, survey, bucket, name))
    for named in names.taken(survey):
        yield Question(f"whether {named.name} is free", partial(names.findings, aws, named))
    if not aws.emulated:
        for about, ask in quotas.questions(survey, runtime.capacity):
            yield Question(about, partial(ask, aws))


def _answer(question: Question) -> tuple[list[PreflightFinding], str]:
    """The findings, and why the question could not be answered."""
    try:
        return list(question.ask()), ""
    except (ClientError, BotoCoreError) as error:
        return [], _why_not(error)


def _why_not(error: ClientError | BotoCoreError) -> str:
    """Why a question could not be answered; raises the error where the others could not either."""
    reason = failure(error)
    expired = isinstance(error, ClientError) and error.response["Error"]["Code"] in EXPIRED
    # Without valid credentials no other question can be answered either. A service that cannot be reached may
    # not exist in the region.
    if isinstance(reason, BadInput) or expired:
        raise error
    return str(reason)


def _region(survey: Survey) -> Iterator[PreflightFinding]:
    """Resource types that the region does not have, as CloudFormation's schemas say."""
    region = survey.environment.region
    types = dict.fromkeys(resource.type for _, _, resource in survey.new_resources())
    for resource_type in types:
        if schema(resource_type, region) is None:
            reason = f"has no {resource_type}, as far as CloudFormation's schemas of this region say"
            yield PreflightFinding("region", region, reason)


def _image(aws: Aws, survey: Survey, required: Image) -> tuple[ImageState, str | None]:
    if not image.needed(survey):
        return "not needed", None
    if aws.emulated:
        return "placeholder", None
    if image.digest(aws, required):
        return "there", None
    program = engine.running()
    return ("to be built" if program else "missing"), program


def no_image(required: Image) -> PreflightFinding:
    """The image does not exist and cannot be built here."""
    return PreflightFinding(
        parameter(required.parameter),
        required.tag,
        f"is not in the repository {required.repository}, and no container engine runs here to build it: "
        "without it the creation of the service would hang for hours",
    )


def _connection(aws: Aws, survey: Survey) -> tuple[str | None, tuple[str, ...], str]:
    """The status of the connection that new layers wait for, these layers, and why it is not known."""
    named = {
        slug: layer.runtime.waits_for_connection
        for slug, layer in survey.layers.items()
        if slug in survey.created and layer.runtime.waits_for_connection
    }
    # There is one connection for all of them.
    output = next(iter(named.values()), None)
    if output is None:
        return None, (), ""
    try:
        return connection.status(aws, survey.stacks.get(output.layer), output.title), tuple(named), ""
    except (ClientError, BotoCoreError) as error:
        # The layers that wait for it ask again before they are made.
        return None, (), _why_not(error)
