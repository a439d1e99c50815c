"""The application: its names, and a table for each thing that a team gives it. Its rows are yours to edit.

Several layers agree on these: `infrastructure` gives the roles access by name, `container-repository` and
`task-definition` create what has the name. A template cannot loop over a parameter, so what the containers
are given is listed here: one variable or secret is one entry, which becomes one parameter.
"""

from troposphere import Parameter, Sub

from templates._code import Code
from templates._containers import Secret, SideContainer, Variable
from templates._egress import Egress
from templates._iam import arn
from templates._listeners import Certificate, ListenerRule
from templates._steps import BuildStep, RegistryLogin

# Everything here is named after the parameters Project and Environment.
NAME = "${Project}-${Environment}-api"
# The task definition family, the repository, the service, and CodeDeploy's application and group.
APPLICATION_NAME = Sub(NAME)
CONTAINER_NAME = Sub("${Project}-api")
REPOSITORY_ARN = arn("ecr", f"repository/{NAME}")
# Every revision of the family. One that is tagged while it is registered has no number yet: ECS has been seen
# to ask for the family alone then, an ARN that the service authorization reference does not have.
# https://github.com/aws/aws-cdk/issues/25768
TASK_DEFINITION_ARNS = [arn("ecs", f"task-definition/{NAME}{end}") for end in ("", ":*")]
LOG_GROUP_NAME = Sub(f"/ecs/{NAME}")
# For actions on the group itself, and for those on what is in it.
LOG_GROUP_ARN = arn("logs", f"log-group:/ecs/{NAME}")
LOG_STREAMS_ARN = arn("logs", f"log-group:/ecs/{NAME}:*")
LOG_STREAM_PREFIX = "api"
# Tag of an image that was deployed, with the commit behind it.
RELEASE_TAG_PREFIX = "release-"
# The function that tries a new version. Releases name it, also those that are rolled back to: it has to stay.
SMOKE_TEST_NAME = "${Project}-${Environment}-smoke-test"

# Tasks are in private subnets. The service is made like this, and so is each release.
ASSIGN_PUBLIC_IP = "DISABLED"

# Not root: the user and group of the image, by number. Without the group it would be root's.
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
            # Text: as a number it would lose its zero on the way, and the application is given text.
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

# Where the application may go besides HTTPS anywhere. For example
# Egress("PostgreSQL", 5432, security_group="DatabaseSecurityGroupId"), or cidr=..., or prefix_list=...
EGRESS: tuple[Egress, ...] = ()

# What the load balancer does with some paths and hosts; everything else goes to the service. For example
# ListenerRule("Internals", 10, paths=["/internal/*"], answer=Fixed(404)).
LISTENER_RULES: tuple[ListenerRule, ...] = ()

# For example Certificate("ShopCertificateArn", "Certificate of shop.example.com").
CERTIFICATES: tuple[Certificate, ...] = ()

# Builds of your own in the pipeline. For example
# BuildStep("Audit", commands=("python3 -m pip install pip-audit==2.9.0", "pip-audit -r app/locked.txt")), and
# with a secret, secrets=(Secret("AUDIT_TOKEN", "AuditTokenArn", "Token of the audit"),).
BUILD_STEPS: tuple[BuildStep, ...] = ()

# Registries that ask for a login when the image is built. For example
# RegistryLogin("registry.example.com", "RegistryLoginArn"), a secret in JSON with username and password.
REGISTRY_LOGINS: tuple[RegistryLogin, ...] = ()
