"""The door to AWS: which endpoint, which credentials, how often a call is tried, and what its errors mean."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
from botocore.parsers import ResponseParserError

from ecs_blue_green import emulator
from ecs_blue_green.deployer import clock, interrupts, patience, responses
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import BadInput, Failed, Failure
from ecs_blue_green.deployer.responses import MissingMember

CONNECT_SECONDS = 10
READ_SECONDS = 60
CONNECTIONS = 32
# A region with a typing error, or no network, takes some time to be known for certain.
SILENT_SECONDS = 5

# How the names of the operations begin that change nothing.
READS = ("BatchGet", "Describe", "Filter", "Get", "Head", "List")

# How a request goes out, and its answer comes back. Without one, botocore sends it to AWS itself.
Transport = Callable[[AWSPreparedRequest], AWSResponse]
transport: Transport | None = None

LOG_IN = "log in again (for example: aws sso login), or choose a profile with AWS_PROFILE"


class NotAws(BotoCoreError):
    """Something else answered in the place of AWS: the login page of a network, a proxy, another server."""

    fmt = "something else answered in the place of {url}: {answer}"


class Aws:
    """The clients of one account and region, made when first asked for and shared by all threads."""

    def __init__(
        self,
        session: boto3.session.Session,
        config: Config,
        endpoint_url: str | None,
        silence: "_Silence | None" = None,
    ) -> None:
        self._silence = silence
        session.events.register("creating-client-class", responses.put_before)
        session.events.register("creating-client-class", _put_before)
        self._session = session
        self._config = config
        self._endpoint_url = endpoint_url
        self._clients: dict[str, Any] = {}
        # A session must not make two clients at once; the clients themselves are safe to share.
        self._lock = threading.Lock()

    def client(self, service: str) -> Any:
        """The client of a service, by botocore's name for it."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._made(service)
            return self._clients[service]

    def prepare(self, *services: str) -> None:
        """Make clients while something else is waited for: each takes the time in which its model is read."""

        def make() -> None:
            # Whoever asks for the client is told why there is none. That can be anything: a test changes the
            # variables of the process while they are read.
            with suppress(Exception):
                for service in services:
                    self.client(service)

        threading.Thread(target=make, daemon=True).start()

    def _made(self, service: str) -> Any:
        try:
            made = self._session.client(
                service,  # type: ignore[call-overload]
                config=self._config,
                endpoint_url=self._endpoint_url,
            )
            # botocore looks at the host alone; a port that is no number is found in the middle of a call.
            _ = urlsplit(made.meta.endpoint_url).port
        except BotoCoreError:
            raise
        except ValueError as error:
            raise BadInput(
                "the address of AWS cannot be used",
                str(error).rstrip("."),
                "correct AWS_ENDPOINT_URL, or unset it",
            ) from error
        _tell_aws_from_others(made)
        if self._silence:
            # Before the pause that patience makes.
            made.meta.events.register("needs-retry", self._silence.attempted)
        patience.register(made)
        send = transport
        if send:
            # What a handler of this event gives back is the answer.
            made.meta.events.register("before-send", lambda request, **_: send(request))
        return made

    @property
    def emulated(self) -> bool:
        """Whether this machine itself answers: an emulator, whatever the environment is called."""
        host = urlsplit(self.client("cloudformation").meta.endpoint_url).hostname or ""
        return host in ("localhost", "::1") or host.startswith("127.")


class _Interruptible:
    """A base class of clients, put before botocore's: where a command waits for AWS, an interrupt ends it.

    What only asks is left to itself then. What changes something is waited for, with all of its attempts:
    else nobody would know whether it was carried out.
    """

    def _make_api_call(self, operation_name: str, api_params: Any) -> Any:
        before: Any = super()
        if operation_name.startswith(READS):
            return interrupts.wait_for(lambda: before._make_api_call(operation_name, api_params))
        with interrupts.uninterrupted():
            return before._make_api_call(operation_name, api_params)


def _put_before(base_classes: list[type], **_: Any) -> None:
    base_classes.insert(0, _Interruptible)


def _tell_aws_from_others(client: Any) -> None:
    """Have a client raise NotAws for an answer that cannot be AWS's; botocore's parsers raise all sorts."""
    url = client.meta.endpoint_url

    def look_at(response_dict: dict[str, Any], **_: Any) -> None:
        status, kind = response_dict["status_code"], response_dict["headers"].get("content-type", "")
        # A load balancer of AWS has a page for its own 5xx, which is tried again.
        if kind.startswith("text/html") and status < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise NotAws(url=url, answer=f"a web page (HTTP {status})")

    def look_at_error(exception: Exception, **_: Any) -> None:
        # What the parsers stumble over: no XML or JSON at all, or without what the service's model promises.
        if isinstance(exception, ResponseParserError | LookupError | ValueError):
            raise NotAws(url=url, answer="nothing in the form of AWS's answers") from exception

    client.meta.events.register("before-parse", look_at)
    client.meta.events.register("after-call-error", look_at_error)


@contextmanager
def connect(environment: Environment, root: Path) -> Iterator[Aws]:
    """The clients for this environment: the embedded emulator's for `local`, else AWS's.

    The emulator keeps its state in `<root>/.local` and has the network that `<root>/params/local.yaml` names.

    The region is the parameter file's. AWS_ENDPOINT_URL, profiles and single sign-on work as in the AWS
    command line; `local` ignores every AWS variable. Raises BadInput when the credentials belong to
    another account, before any other call, and Failure for every error of AWS in the block.
    """
    try:
        with _connected(environment, root) as aws:
            yield aws
    except (ClientError, BotoCoreError) as error:
        raise failure(error) from error


@contextmanager
def _connected(environment: Environment, root: Path) -> Iterator[Aws]:
    config = Config(
        region_name=environment.region,
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        max_pool_connections=CONNECTIONS,
    ).merge(patience.TRY_ONCE)
    if environment.is_local:
        with _without_aws_variables(), _emulator(root) as endpoint_url:
            session = boto3.session.Session(
                aws_access_key_id="local",
                aws_secret_access_key="local",  # noqa: S106 (the emulator takes any)
                region_name=environment.region,
            )
            # A proxy that is set for the company's network has no way to this machine's loopback.
            yield Aws(session, config.merge(Config(proxies={})), endpoint_url)
        return
    silence = _Silence(environment.region)
    aws = Aws(boto3.session.Session(region_name=environment.region), config, None, silence)
    with _said_when_slow(silence):
        check_account(aws, environment)
    yield aws


class _Silence:
    """Says that AWS does not answer, once until there is an answer again."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._began: float | None = None
        self._said = False

    def attempted(self, response: Any = None, **_: Any) -> None:
        """Take in how an attempt of a call ended: botocore's event `needs-retry`, without an answer to it."""
        if response is not None:
            self._began, self._said = None, False
            return
        now = clock.monotonic()
        self._began = now if self._began is None else self._began
        if now - self._began > SILENT_SECONDS:
            self.say()

    def say(self) -> None:
        """Say it, and for how long it is tried on."""
        if not self._said:
            self._said = True
            sys.stderr.write(
                f"AWS does not answer in {self._region}: trying for about {patience.SECONDS:.0f} seconds\n"
            )


@contextmanager
def _said_when_slow(silence: _Silence) -> Iterator[None]:
    """Say what is waited for, when the first answer does not come."""
    timer = threading.Timer(SILENT_SECONDS, silence.say)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def check_account(aws: Aws, environment: Environment) -> None:
    """Raise BadInput when the credentials are those of another account than the environment's."""
    client = aws.client("sts")
    # What every command asks next.
    aws.prepare("ssm", "cloudformation", "ecs")
    identity = client.get_caller_identity()
    if identity["Account"] != environment.account:
        raise BadInput(
            f"these credentials belong to account {identity['Account']}",
            f"params/{environment.name}.yaml is for account {environment.account}; you are {identity['Arn']}",
            "choose the right profile with AWS_PROFILE; nothing was changed",
        )


@contextmanager
def _emulator(root: Path) -> Iterator[str]:
    try:
        with emulator.running(root / ".local", root / "params" / "local.yaml") as endpoint_url:
            yield endpoint_url
    except emulator.EmulatorError as error:
        remedy = error.remedy or "run the command again"
        raise Failed("the emulator does not answer", str(error), remedy) from error


@contextmanager
def _without_aws_variables() -> Iterator[None]:
    kept = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    for name in kept:
        del os.environ[name]
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    os.environ.update(nowhere)
    try:
        yield
    finally:
        for name in nowhere:
            del os.environ[name]
        os.environ.update(kept)


def failure(error: ClientError | BotoCoreError) -> Failure:
    """What an error of AWS, of its client or of the network means for the person at the keyboard."""
    if isinstance(error, ClientError):
        return _refusal(error)
    if isinstance(error, NoCredentialsError | PartialCredentialsError | ProfileNotFound):
        return BadInput("there are no AWS credentials to use", str(error).rstrip("."), LOG_IN)
    if isinstance(error, SSOError | TokenRetrievalError | UnauthorizedSSOTokenError):
        return BadInput("the AWS login has expired", str(error).rstrip("."), LOG_IN)
    if isinstance(error, NotAws):
        return Failed(
            "AWS cannot be reached",
            str(error),
            "log in to the network if it asks for that, check the proxy (HTTPS_PROXY) and AWS_ENDPOINT_URL, "
            "then run again",
        )
    if isinstance(error, MissingMember):
        remedy = "run again; if it stays so, the answer is not AWS's, or AWS has changed it"
        return Failed(str(error), remedy=remedy)
    if isinstance(error, ConnectionError | HTTPClientError):
        return Failed(
            "AWS cannot be reached", str(error).rstrip("."), "check the network and `region:`, then run again"
        )
    return Failed("the AWS client gave up", str(error).rstrip("."))


EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
UNKNOWN_CREDENTIALS = {"InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch"}
DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
# What uses a quota up, by the call that meets it, and how to look. The deployer makes nothing else itself.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
# https://docs.aws.amazon.com/general/latest/gr/ssm.html
QUOTAS = {"LimitExceededException", "ParameterLimitExceeded"}
USED_UP_BY = {
    "CreateChangeSet": (
        "the stacks of this account and region, or the change sets of this stack",
        "aws cloudformation list-stacks, aws cloudformation list-change-sets",
    ),
    "PutParameter": (
        "the parameters of this account and region in Parameter Store",
        "aws ssm describe-parameters",
    ),
}


def is_passing(error: ClientError | BotoCoreError) -> bool:
    """Whether an error can go away by itself: throttling, trouble at AWS or in the network."""
    return isinstance(error, NotAws) or patience.is_passing(error)


def is_denial(error: ClientError) -> bool:
    """Whether a permission is missing."""
    return patience.code(error) in DENIED


def _refusal(error: ClientError) -> Failure:
    code = patience.code(error)
    message = error.response.get("Error", {}).get("Message", "").rstrip(".") or code
    what = f"AWS refused {error.operation_name}"
    if code in EXPIRED:
        return Failed("the AWS login has expired", message, f"{LOG_IN}; then run the same command again")
    if code in UNKNOWN_CREDENTIALS:
        return BadInput("AWS does not know these credentials", message, LOG_IN)
    if code in DENIED:
        return Failed(what, message, "ask for that permission, then run the same command again")
    if code in patience.THROTTLED:
        return Failed(
            what, f"{message} (tried for {patience.SECONDS:.0f} seconds)", "wait a minute, then run again"
        )
    if code in QUOTAS:
        used, look = USED_UP_BY.get(error.operation_name, ("what this call makes", ""))
        needless = f"delete what nobody needs{f' ({look})' if look else ''}"
        return Failed(
            f"{what}: a quota is used up",
            f"{message}; it is used up by {used}",
            f"{needless}, or ask for a higher quota in Service Quotas; then run again",
        )
    return Failed(what, message)
