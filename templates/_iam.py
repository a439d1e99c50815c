"""Statements and trust policies that several roles need, written with awacs."""

from collections.abc import Sequence

import awacs.sts
from awacs.aws import Action, Allow, Condition, ConditionElement, PolicyDocument, Principal, Statement
from troposphere import Sub

# The version of the IAM policy language.
POLICY_VERSION = "2012-10-17"


def arn(service: str, resource: str) -> Sub:
    """ARN of a resource in this account and region; its name may contain parameters (`${...}`)."""
    return Sub(f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{resource}")


def allow(
    actions: Sequence[Action],
    *resources: object,
    sid: str | None = None,
    when: Sequence[ConditionElement] = (),
) -> Statement:
    """A statement that allows these actions on these resources if all conditions of `when` are met."""
    named = {"Sid": sid} if sid else {}
    limited = {"Condition": Condition(list(when))} if when else {}
    return Statement(**named, Effect=Allow, Action=list(actions), Resource=list(resources), **limited)


def policy(*statements: Statement) -> PolicyDocument:
    """The statements as a policy document.

    Raises ValueError if a statement has two conditions with the same operator: awacs would silently keep the
    last, and the statement would allow more than it seems to.
    """
    for statement in statements:
        condition = statement.properties.get("Condition")
        operators = [element.condition for element in condition.conditions] if condition else []
        for operator in sorted({one for one in operators if operators.count(one) > 1}):
            actions = ", ".join(action.JSONrepr() for action in statement.properties["Action"])
            raise ValueError(f"two conditions {operator} for {actions}: put their keys into one {operator}")
    return PolicyDocument(Version=POLICY_VERSION, Statement=list(statements))


def trust(service: str, *conditions: ConditionElement) -> PolicyDocument:
    """Trust policy that allows one AWS service (`ecs-tasks.amazonaws.com`) to assume the role.

    Add conditions only if the service's documentation names them: a service that does not send the key can no
    longer assume the role.
    """
    statement = Statement(
        Effect=Allow, Action=[awacs.sts.AssumeRole], Principal=Principal("Service", [service])
    )
    if conditions:
        statement.Condition = Condition(list(conditions))
    return policy(statement)
