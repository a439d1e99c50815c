"""The application: its names, and tables of what it needs. The rows are yours to edit.

Several layers use the names: `infrastructure` grants the roles access by name, `container-repository` and
`task-definition` create the resources with these names. A template cannot loop over a parameter, so variables
and secrets are listed here: each is one row, which becomes one parameter.
"""

from troposphere import Parameter, Sub

from templates._code import Code
from templates._containers import Secret, SideContainer, Variable
from templates._egress import Egress
from templates._iam import arn
from templates._listeners import Certificate, ListenerRule
from templates._steps import BuildStep, RegistryLogin

# All names consist of the parameters Project and Environment.
NAME = "${Project}-${Environment}-api"
# The task definition family, the repository, the service, and CodeDeploy's application and group.
APPLICATION_NAME = Sub(NAME)
CONTAINER_NAME = Sub("${Project}-api")
REPOSITORY_ARN = arn("ecr", f"repository/{NAME}")
# Every revision of the family. While a revision is registered with tags, it has no number yet: ECS has been
# observed to check permission for the family only, an ARN that is not in the service authorization reference.
# https://github.com/aws/aws-cdk/issues/25768
TASK_DEFINITION_ARNS = [arn("ecs", f"task-definition/{NAME}{end}") for end in ("", ":*")]
LOG_GROUP_NAME = Sub(f"/ecs/{NAME}")
# For actions on the log group itself, and for actions on its streams.
LOG_GROUP_ARN = arn("logs", f"log-group:/ecs/{NAME}")
LOG_STREAMS_ARN = arn("logs", f"log-group:/ecs/{NAME}:*")
LOG_STREAM_PREFIX = "api"
# Tag of a deployed image, followed by the commit.
RELEASE_TAG_PREFIX = "release-"
# The smoke test's function. The AppSpec of each release names it, also of those to which somebody rolls back,
# so it must keep its name.
SMOKE_TEST_NAME = "${Project}-${Environment}-smoke-test"

# Tasks are in private subnets. Both the service and each release use this.
ASSIGN_PUBLIC_IP = "DISABLED"

# Not root: user and group of the image, by number. Without a group, it would be that of root.
USER = "10001:10001"

# Where the application is. For example Code("services/web", command=("node", "server.js")), or built from the
# whole repository Code(".", "services/web/Dockerfile", ("services/web/**", "libraries/**"), command=(...)).
CODE: Code = Code("app")

VARIABLES: tuple[Variable, ...] = (
    Variable(
        "HEALTH_RATE",
        Parameter(
            "HealthRate",
            Type="Number",
            Description="Share of requests to / that are answered with 200; the others get 503",
            # A string: as a number it would lose its zero, and environment variables are strings anyway.
            Default="1.0",
            MinValue=0,
            MaxValue=1,
        ),
    ),
)

# For example Secret("DATABASE_URL", "DatabaseUrlArn", "Where the application finds its database"), or of a
# secret in JSON, Secret("DATABASE_PASSWORD", "DatabaseSecretArn", "Login of the database", key="password").
SECRETS: tuple[Secret, ...] = ()

# Containers beside the application's. For example SideContainer("collector", image="public.ecr.aws/..."), or,
# of the application's own image, SideContainer("migrations", command=("python", "-m", "app.migrations")).
SIDE_CONTAINERS: tuple[SideContainer, ...] = ()

# Where the application may connect to, besides HTTPS to any address. For example
# Egress("PostgreSQL", 5432, security_group="DatabaseSecurityGroupId"), or cidr=..., or prefix_list=...
EGRESS: tuple[Egress, ...] = ()

# Listener rules for paths and hosts; everything else goes to the service. For example
# ListenerRule("Internals", 10, paths=["/internal/*"], answer=Fixed(404)).
LISTENER_RULES: tuple[ListenerRule, ...] = ()

# For example Certificate("ShopCertificateArn", "Certificate of shop.example.com").
CERTIFICATES: tuple[Certificate, ...] = ()

# Builds of your own in the pipeline. For example
# BuildStep("Audit", commands=("python3 -m pip install pip-audit==2.9.0", "pip-audit -r app/locked.txt")), and
# with a secret, secrets=(Secret("AUDIT_TOKEN", "AuditTokenArn", "Token of the audit"),).
BUILD_STEPS: tuple[BuildStep, ...] = ()

# Registries that need a login when the image is built. For example
# RegistryLogin("registry.example.com", "RegistryLoginArn"), a secret in JSON with username and password.
REGISTRY_LOGINS: tuple[RegistryLogin, ...] = ()
