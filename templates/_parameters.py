"""Parameters that several layers declare, defined once so that their type, default and range agree.

A layer is given only the parameters that it declares. `Project`, `Environment` and `Protected` come from
the deployer; people write all others into `params/<env>.yaml`.
"""

from typing import Any

from troposphere import Equals, If, Not, NoValue, Parameter, Ref, Template

SHARED: dict[str, dict[str, Any]] = {
    "Project": {
        "Type": "String",
        "Description": "Name of the project, first part of physical names (filled in by the deployer)",
        "AllowedPattern": "[a-z][a-z0-9-]{0,19}",
        "ConstraintDescription": "must be 1 to 20 lower-case letters, digits and hyphens, a letter first",
    },
    "Environment": {
        "Type": "String",
        "Description": "Name of the environment, second part of physical names (filled in by the deployer)",
        "AllowedPattern": "[a-z][a-z0-9-]{0,9}",
        "ConstraintDescription": "must be 1 to 10 lower-case letters, digits and hyphens, a letter first",
    },
    "Protected": {
        "Type": "String",
        "Description": "Whether deleting by mistake is prevented (filled in by the deployer)",
        "AllowedValues": ["true", "false"],
        "Default": "false",
    },
    "VpcId": {
        "Type": "AWS::EC2::VPC::Id",
        "Description": "Network of the load balancer and the tasks",
    },
    "PrivateSubnetIds": {
        "Type": "List<AWS::EC2::Subnet::Id>",
        "Description": "Subnets of the tasks, in two zones or more, with a way out (NAT or endpoints)",
    },
    "ContainerPort": {
        "Type": "Number",
        "Description": "Port on which the application in the image listens; decided at creation",
        "Default": 1323,
        "MinValue": 1,
        "MaxValue": 65535,
    },
    "HealthCheckPath": {
        "Type": "String",
        "Description": "Path that the load balancer asks to learn whether a task is healthy",
        "Default": "/health",
        "AllowedPattern": "/[!-~]{0,1023}",
        "ConstraintDescription": "must begin with a slash and have no spaces",
    },
    "TestListenerPort": {
        "Type": "Number",
        "Description": "Port on which a new version is tried before it gets production traffic",
        "Default": 9002,
        "MinValue": 1024,
        "MaxValue": 65535,
    },
    "SmokeTest": {
        "Type": "String",
        "Description": "Whether a new version is tried through the test listener before users see it",
        "AllowedValues": ["enabled", "disabled"],
        "Default": "enabled",
    },
    "PermissionsBoundaryArn": {
        "Type": "String",
        "Description": "Policy that limits every role; empty: none",
        "Default": "",
        "AllowedPattern": r"(|arn:aws[a-z-]*:iam::(\d{12}|aws):policy/[A-Za-z0-9/+=,.@_-]+)",
        "ConstraintDescription": "must be the ARN of a managed policy, or empty",
    },
    "InitialImageTag": {
        "Type": "String",
        "Description": "Tag of the image that the service is created with; every release brings its own",
        "Default": "initial",
        "AllowedPattern": "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}",
        "ConstraintDescription": "must be an image tag: letters, digits, dots, hyphens and underscores",
    },
    "EnableExecuteCommand": {
        "Type": "String",
        "Description": (
            "Whether a shell can be opened in a task (ECS Exec); its root file system is then writable."
            " Decided at creation"
        ),
        "AllowedValues": ["true", "false"],
        "Default": "false",
    },
    "KmsKeyArn": {
        "Type": "String",
        "Description": (
            "KMS key for logs and images; its policy must let CloudWatch Logs use it. Empty: AWS's own keys."
            " For images decided at creation"
        ),
        "Default": "",
        "AllowedPattern": r"(|arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[a-z0-9-]+)",
        "ConstraintDescription": "must be the ARN of a KMS key, or empty",
    },
    "LogRetentionDays": {
        "Type": "Number",
        "Description": "Days for which logs are kept",
        "Default": 7,
        # What CloudWatch Logs takes:
        # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
        "AllowedValues": [
            *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
            *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
        ],
    },
}


def shared(template: Template, title: str) -> Parameter:
    """The shared parameter `title` of this template, declared when it was not yet.

    Raises KeyError when no shared parameter has that name.
    """
    if title not in template.parameters:
        template.add_parameter(Parameter(title, **SHARED[title]))
    declared: Parameter = template.parameters[title]
    return declared


def has_kms_key(template: Template) -> str:
    """Name of the condition that is true where there is a key of the user's, declared when it was not yet."""
    return template.add_condition("HasKmsKey", Not(Equals(Ref(shared(template, "KmsKeyArn")), "")))


def kms_key(template: Template) -> If:
    """The user's key, where there is one."""
    return If(has_kms_key(template), Ref(shared(template, "KmsKeyArn")), NoValue)


def permissions_boundary(template: Template) -> If:
    """The policy that limits a role, where the user has one."""
    title = "PermissionsBoundaryArn"
    has_permissions_boundary = template.add_condition(
        "HasPermissionsBoundary", Not(Equals(Ref(shared(template, title)), ""))
    )
    return If(has_permissions_boundary, Ref(shared(template, title)), NoValue)


def is_protected(template: Template) -> str:
    """Name of the condition that is true in a protected environment, declared when it was not yet."""
    return template.add_condition("IsProtected", Equals(Ref(shared(template, "Protected")), "true"))


def is_execute_command_enabled(template: Template) -> str:
    """Name of the condition that is true where ECS Exec is on, declared when it was not yet."""
    return template.add_condition(
        "IsExecuteCommandEnabled", Equals(Ref(shared(template, "EnableExecuteCommand")), "true")
    )
