"""Stack policies: which resources no stack update may touch.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html
"""

from awacs.aws import Action, Allow, Deny, PolicyDocument, Principal, Statement


def deny_updates(*titles: str) -> PolicyDocument:
    """A stack policy that protects the resources with these logical ids, and only these.

    A stack policy denies what it does not allow, so the first statement allows everything.
    """
    return PolicyDocument(
        Statement=[
            Statement(Effect=Allow, Action=[Action("Update", "*")], Principal=Principal("*"), Resource=["*"]),
            Statement(
                Effect=Deny,
                Action=[Action("Update", "*")],
                Principal=Principal("*"),
                Resource=[f"LogicalResourceId/{title}" for title in titles],
            ),
        ]
    )
