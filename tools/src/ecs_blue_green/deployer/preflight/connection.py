"""The connection to GitHub, which somebody has to complete in the console.

CloudFormation makes it PENDING. A pipeline that is made before its handshake fails at once, and pushes do not
start it afterwards: https://github.com/pulumi/pulumi-aws/issues/2167
"""

from ecs_blue_green.deployer import commands, remedies
from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.cloudformation import describe
from ecs_blue_green.deployer.cloudformation.describe import Stack
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import Blocked
from ecs_blue_green.runtime import Output

AVAILABLE = "AVAILABLE"
CONSOLES = {"cn-": "console.amazonaws.cn", "us-gov-": "console.amazonaws-us-gov.com"}


def status(aws: Aws, stack: Stack | None, title: str) -> str | None:
    """PENDING, AVAILABLE or ERROR; None while `stack`, whose output `title` has the ARN, is not deployed."""
    arn = stack.outputs.get(title) if stack else None
    if not arn:
        return None
    state: str = aws.client("codeconnections").get_connection(ConnectionArn=arn)["Connection"][
        "ConnectionStatus"
    ]
    return state


def require_available(aws: Aws, environment: Environment, named: Output) -> None:
    """Raise Blocked when the connection that an output names is not available."""
    stack = describe.stack(aws.client("cloudformation"), environment.stack_name(named.layer))
    state = status(aws, stack, named.title)
    if state not in (None, AVAILABLE):
        raise pending(environment, str(state))


def pending(environment: Environment, status: str) -> Blocked:
    """What to say of a connection with this status."""
    return Blocked(
        f"the connection to GitHub is {status}",
        "a pipeline that is created with a pending connection would not start on pushes",
        remedies.COMPLETE_CONNECTION(
            console=console(environment), deploy=commands.make("deploy", environment.name)
        ),
    )


def console(environment: Environment) -> str:
    """Where to complete it: Developer Tools, Settings, Connections."""
    region = environment.region
    domain = next(
        (special_domain for prefix, special_domain in CONSOLES.items() if region.startswith(prefix)), None
    )
    host = f"{region}.{domain or 'console.aws.amazon.com'}"
    return f"https://{host}/codesuite/settings/connections?region={region}"
