"""Statements and trust policies that several roles need, written with awacs."""

import awacs.sts
from awacs.aws import Allow, Condition, ConditionElement, PolicyDocument, Principal, Statement
from troposphere import Sub

# The version of IAM's policy language, not a date of ours.
POLICY_VERSION = "2012-10-17"


def arn(service: str, resource: str) -> Sub:
    """ARN of a resource of this account and region; its name may hold parameters (`${...}`)."""
    return Sub(f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{resource}")


def policy(*statements: Statement) -> PolicyDocument:
    """The statements as a policy document."""
    return PolicyDocument(Version=POLICY_VERSION, Statement=list(statements))


def trust(service: str, *conditions: ConditionElement) -> PolicyDocument:
    """Trust policy that lets one AWS service (`ecs-tasks.amazonaws.com`) assume the role.

    Give conditions only where the service's own documentation names them: a service that does not send
    the key can no longer assume the role.
    """
    statement = Statement(
        Effect=Allow, Action=[awacs.sts.AssumeRole], Principal=Principal("Service", [service])
    )
    if conditions:
        statement.Condition = Condition(list(conditions))
    return policy(statement)
