"""Stack policies: which resources no stack update may touch.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html
"""

from collections.abc import Sequence

from awacs.aws import Action, Allow, Condition, Deny, PolicyDocument, Principal, Statement, StringEquals

ANY_UPDATE = Action("Update", "*")


def deny_updates(*titles: str, types: Sequence[str] = ()) -> PolicyDocument:
    """A stack policy that protects the resources with these logical ids or of these types, and only these.

    A policy can name only resources that its stack has, but any type. So resources that have a condition, or
    that may be added later, are protected by their type.
    """
    # A stack policy denies everything that it does not allow.
    allowed = Statement(Effect=Allow, Action=[ANY_UPDATE], Principal=Principal("*"), Resource=["*"])
    by_title = Statement(
        Effect=Deny,
        Action=[ANY_UPDATE],
        Principal=Principal("*"),
        Resource=[f"LogicalResourceId/{title}" for title in titles],
    )
    by_type = Statement(
        Effect=Deny,
        Action=[ANY_UPDATE],
        Principal=Principal("*"),
        Resource=["*"],
        Condition=Condition(StringEquals({"ResourceType": list(types)})),
    )
    return PolicyDocument(Statement=[allowed, *([by_title] if titles else []), *([by_type] if types else [])])
