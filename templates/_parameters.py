"""Parameters of the layers: how a layer's table is read, and the rows that several layers share.

`PARAMETERS`, at the top of a layer's module, has a row for each parameter, in the order of the template:

- `Parameter(...)`: one of the layer's own, with CloudFormation's attributes;
- `*shared("Project", ...)`: rows from the table below;
- `*stack_names("infrastructure", ...)`: the names of the stacks from which it imports (`_exports.py`).

The deployer fills in `Project`, `Environment`, `Protected` and the names of stacks; all other values are in
`params/<env>.yaml`.

cfn-lint finds a parameter that is used without a row (E1020), in `make check` and before a deployment.
"""

from collections.abc import Iterable
from typing import Any

from troposphere import (
    And,
    AWSHelperFn,
    Condition,
    Equals,
    If,
    Not,
    NoValue,
    Parameter,
    Ref,
    Template,
    encode_to_dict,
)

from templates._runtime import FixedAtCreation

_KEY_REGEX = r"(|arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[a-z0-9-]+)"
# Allowed values of a certificate's ARN, and of a prefix list ID.
CERTIFICATE_OR_EMPTY = {
    "AllowedPattern": r"(|arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[A-Za-z0-9-]+)",
    "ConstraintDescription": "must be the ARN of an ACM certificate in this region, or empty",
}
PREFIX_LIST_REGEX = "pl-[0-9a-f]{8}([0-9a-f]{9})?"

# Defined once, so that type, default and range agree wherever a layer has the row.
SHARED = (
    Parameter(
        "Project",
        Type="String",
        Description="Name of the project, the first part of resource names (filled in by the deployer)",
        AllowedPattern="[a-z][a-z0-9-]{0,19}",
        ConstraintDescription=(
            "must be 1 to 20 lower-case letters, digits and hyphens, and begin with a letter"
        ),
    ),
    Parameter(
        "Environment",
        Type="String",
        Description="Name of the environment, the second part of resource names (filled in by the deployer)",
        AllowedPattern="[a-z][a-z0-9-]{0,9}",
        ConstraintDescription=(
            "must be 1 to 10 lower-case letters, digits and hyphens, and begin with a letter"
        ),
    ),
    Parameter(
        "Protected",
        Type="String",
        Description="Whether resources are protected from accidental deletion (filled in by the deployer)",
        AllowedValues=["true", "false"],
        Default="false",
    ),
    Parameter(
        "VpcId",
        Type="AWS::EC2::VPC::Id",
        Description="VPC of the load balancer and the tasks",
    ),
    Parameter(
        "PrivateSubnetIds",
        Type="List<AWS::EC2::Subnet::Id>",
        Description=(
            "Subnets of the tasks, in at least two Availability Zones, with a route to AWS (NAT gateway"
            " or VPC endpoints)"
        ),
    ),
    Parameter(
        "PlatformVersion",
        Type="String",
        Description="Fargate platform version of the tasks",
        Default="LATEST",
        AllowedPattern=r"(LATEST|\d+\.\d+\.\d+)",
        ConstraintDescription="must be LATEST or a version such as 1.4.0",
    ),
    Parameter(
        "CapacityProviderStrategy",
        Type="String",
        Description=(
            "Capacity provider strategy: weight and base of FARGATE, weight of FARGATE_SPOT, such as"
            " FARGATE:1:2,FARGATE_SPOT:3. Empty: launch type FARGATE"
        ),
        Default="",
        # Both, in this order, so that a template can take it apart. Fargate has no third; and what may be
        # taken away at any moment must not be all that there is. Weights up to 1,000, a base up to 100,000
        # (November 2026).
        # https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CapacityProviderStrategyItem.html
        AllowedPattern=(
            r"(|FARGATE:([1-9]\d{0,2}|1000):([1-9]\d{0,4}|100000),FARGATE_SPOT:(0|[1-9]\d{0,2}|1000))"
        ),
        ConstraintDescription=(
            "must be FARGATE:WEIGHT:BASE,FARGATE_SPOT:WEIGHT, with BASE and the first WEIGHT 1 or more,"
            " or empty"
        ),
    ),
    Parameter(
        "ContainerPort",
        Type="Number",
        Description=(
            "Port on which the application listens in its container; cannot be changed after creation"
        ),
        Default=1323,
        MinValue=1,
        MaxValue=65535,
    ),
    Parameter(
        "HealthCheckPath",
        Type="String",
        Description="Path of the load balancer's health checks",
        Default="/health",
        AllowedPattern="/[!-~]{0,1023}",
        ConstraintDescription="must begin with a slash and contain no spaces",
    ),
    Parameter(
        "TestListenerPort",
        Type="Number",
        Description="Port on which a new version is tested before it gets production traffic",
        Default=9002,
        MinValue=1024,
        MaxValue=65535,
    ),
    Parameter(
        "CertificateArn",
        Type="String",
        Description=(
            "ACM certificate for HTTPS; empty: HTTP. HTTP cannot be changed to HTTPS after creation, nor back"
        ),
        Default="",
        **CERTIFICATE_OR_EMPTY,
    ),
    Parameter(
        "DomainName",
        Type="String",
        Description="Domain name that users connect to; empty: the load balancer's DNS name",
        Default="",
        MaxLength=253,
        AllowedPattern=r"(|([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9]))",
        ConstraintDescription="must be a domain name such as shop.example.com, in lower case, or empty",
    ),
    Parameter(
        "TestListenerHttps",
        Type="String",
        Description=(
            "Whether the test listener uses HTTPS if there is a certificate; cannot be changed after"
            " creation (filled in by the deployer)"
        ),
        AllowedValues=["true", "false"],
        # What stacks have that are older than this.
        Default="false",
    ),
    Parameter(
        "SmokeTest",
        Type="String",
        Description=(
            "Whether a smoke test checks each new version through the test listener before users see it"
        ),
        AllowedValues=["enabled", "disabled"],
        Default="enabled",
    ),
    Parameter(
        "AlarmMinRequests",
        Type="Number",
        Description=(
            "Requests to a target group per minute below which errors and latency are ignored; a step of"
            " 10 % gets a tenth of all requests"
        ),
        Default=10,
        MinValue=1,
    ),
    Parameter(
        "AlarmLatencyMs",
        Type="Number",
        Description=(
            "Latency of the blue or the green tasks, as the 95th percentile of a minute in milliseconds,"
            " at which a release is rolled back; 0: latency is ignored"
        ),
        Default=0,
        MinValue=0,
        MaxValue=60000,
    ),
    Parameter(
        "ConnectionArn",
        Type="String",
        Description=("Connection to GitHub; empty: one is created, to be completed in the console"),
        Default="",
        AllowedPattern=(
            r"(|arn:aws[a-z-]*:(codeconnections|codestar-connections):[a-z0-9-]+:\d{12}"
            r":connection/[0-9a-f-]{36})"
        ),
        ConstraintDescription="must be the ARN of a connection, or empty",
    ),
    Parameter(
        "PermissionsBoundaryArn",
        Type="String",
        Description="Permissions boundary of every role; empty: none",
        Default="",
        AllowedPattern=r"(|arn:aws[a-z-]*:iam::(\d{12}|aws):policy/[A-Za-z0-9/+=,.@_-]+)",
        ConstraintDescription="must be the ARN of a managed policy, or empty",
    ),
    Parameter(
        "InitialImageTag",
        Type="String",
        Description="Tag of the image with which the service is created; each release has a tag of its own",
        Default="initial",
        AllowedPattern="[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}",
        ConstraintDescription="must be an image tag: letters, digits, dots, hyphens and underscores",
    ),
    Parameter(
        "Architecture",
        Type="String",
        Description="CPU architecture of the tasks and the builds; ARM64 is Graviton",
        AllowedValues=["X86_64", "ARM64"],
        Default="X86_64",
    ),
    Parameter(
        "EnableExecuteCommand",
        Type="String",
        Description=(
            "Whether ECS Exec can open a shell in a task, whose root file system is then writable; cannot"
            " be changed after creation"
        ),
        AllowedValues=["true", "false"],
        Default="false",
    ),
    Parameter(
        "KmsKeyArn",
        Type="String",
        Description=(
            "KMS key for images (cannot be changed after creation), and for logs if LogKmsKeyArn is"
            " empty. Empty: AWS's own keys"
        ),
        Default="",
        AllowedPattern=_KEY_REGEX,
        ConstraintDescription="must be the ARN of a KMS key, or empty",
    ),
    Parameter(
        "LogKmsKeyArn",
        Type="String",
        Description=(
            "KMS key for logs; its key policy must allow CloudWatch Logs to use it. Empty: the key of"
            " KmsKeyArn"
        ),
        Default="",
        AllowedPattern=_KEY_REGEX,
        ConstraintDescription="must be the ARN of a KMS key, or empty",
    ),
    Parameter(
        "LogRetentionDays",
        Type="Number",
        Description="Days to keep logs",
        Default=7,
        # What CloudWatch Logs takes:
        # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
        AllowedValues=[
            *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
            *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
        ],
    ),
)

# In an existing environment the test listener keeps its protocol: CodeDeploy changes its actions, so it
# cannot be updated. All layers that declare this have the same value in an environment.
TEST_LISTENER_HTTPS = FixedAtCreation("TestListenerHttps", for_new_stacks="true", for_older_stacks="false")

_SHARED_BY_TITLE = {parameter.title: parameter for parameter in SHARED}


def shared(*titles: str) -> list[Parameter]:
    """The shared rows with these titles. Raises KeyError for one that is not there."""
    return [_SHARED_BY_TITLE[title] for title in titles]


class OneOfEachName(Template):
    """A template that refuses a second condition or mapping of a name.

    troposphere refuses a second resource, parameter or output, but silently replaces the first condition or
    mapping by a second one. Adding the same one again is allowed: a condition is added where it is needed.
    """

    def add_condition(self, name: str, condition: AWSHelperFn) -> str:
        """Add a condition. Raises ValueError if the name already has another meaning."""
        if name in self.conditions and encode_to_dict(self.conditions[name]) != encode_to_dict(condition):
            raise ValueError(f"there is another condition {name} already: give this one a name of its own")
        return super().add_condition(name, condition)

    def add_mapping(self, name: str, mapping: dict[str, Any]) -> None:
        """Add a mapping. Raises ValueError if one of its keys already has other values."""
        present = self.mappings.get(name, {})
        replaced = [key for key in mapping if key in present and present[key] != mapping[key]]
        if replaced:
            raise ValueError(f"mapping {name} has other values for {', '.join(replaced)} already")
        super().add_mapping(name, mapping)


def template(description: str, parameters: Iterable[Parameter]) -> Template:
    """A template with the parameters of a layer's table.

    Raises ValueError if a title occurs twice; so does the template, for conditions and mappings.
    """
    t = OneOfEachName(Description=description)
    t.set_version()
    for parameter in parameters:
        t.add_parameter(parameter)
    return t


def has(t: Template, title: str) -> str:
    """Name of the condition that is true if an optional parameter is not empty, added if it is missing.

    It is named after what the parameter identifies: `HasWebAcl` for `WebAclArn`.
    """
    noun = title.removesuffix("Arn").removesuffix("Name").removesuffix("Id")
    return t.add_condition(f"Has{noun}", Not(Equals(Ref(title), "")))


def optional_value(t: Template, title: str) -> If:
    """The value of an optional parameter; if it is empty, the property is left out."""
    return If(has(t, title), Ref(title), NoValue)


def log_key(t: Template) -> If:
    """The KMS key of a log group; without one, the property is left out.

    It has its own parameter, because the key of the image repository cannot be changed after creation.
    """
    return If(has(t, "LogKmsKeyArn"), Ref("LogKmsKeyArn"), optional_value(t, "KmsKeyArn"))


def is_protected(t: Template) -> str:
    """Name of the condition that is true in a protected environment, added if it is missing."""
    return t.add_condition("IsProtected", Equals(Ref("Protected"), "true"))


def is_test_listener_https(t: Template) -> str:
    """Name of the condition that is true if the test listener uses HTTPS, added if it is missing."""
    return t.add_condition(
        "IsTestListenerHttps",
        And(Condition(has(t, "CertificateArn")), Equals(Ref("TestListenerHttps"), "true")),
    )


def is_arm(t: Template) -> str:
    """Name of the condition that is true if tasks and builds use ARM64, added if it is missing."""
    return t.add_condition("IsArm", Equals(Ref("Architecture"), "ARM64"))


def is_execute_command_enabled(t: Template) -> str:
    """Name of the condition that is true if ECS Exec is enabled, added if it is missing."""
    return t.add_condition("IsExecuteCommandEnabled", Equals(Ref("EnableExecuteCommand"), "true"))
