"""What a review says of each property that our templates use is what AWS documents for it."""

from collections import Counter

import pytest

from benchmarks.review import documented
from benchmarks.review.documented import ANSWERS, Row, is_right

USED = documented.used_properties()
ROWS = documented.rows()


def test_table_has_every_property_that_the_templates_use() -> None:
    """What lies inside JSON or a map, such as a policy's statement, is its property's."""
    known = {(row.type, row.property) for row in ROWS}
    free = {
        ("AWS::CodePipeline::Pipeline", "Stages/Actions/Configuration"),
        ("AWS::ECS::TaskDefinition", "ContainerDefinitions/LogConfiguration/Options"),
        ("AWS::Events::Rule", "EventPattern"),
        ("AWS::Events::Rule", "Targets/InputTransformer/InputPathsMap"),
        ("AWS::IAM::ManagedPolicy", "PolicyDocument"),
        ("AWS::IAM::Role", "AssumeRolePolicyDocument"),
        ("AWS::IAM::Role", "Policies/PolicyDocument"),
        ("AWS::Lambda::Function", "Environment/Variables"),
        ("AWS::S3::BucketPolicy", "PolicyDocument"),
        ("AWS::SNS::TopicPolicy", "PolicyDocument"),
    }
    missing = {
        (kind, location)
        for kind, location in USED - known
        if not any(kind == other and location.startswith(f"{outer}/") for other, outer in free)
    }
    assert missing == set(), "look up `Update requires`; the rows go into benchmarks/review/documented.csv"


def test_table_has_each_property_once_and_says_where_it_is_from() -> None:
    assert max(Counter((row.type, row.property) for row in ROWS).values()) == 1
    assert {row.source for row in ROWS} == {"page", "specification"}
    assert all(row.url.startswith("https://docs.aws.amazon.com/AWSCloudFormation/") for row in ROWS)


@pytest.mark.parametrize("kind", sorted({kind for kind, _ in USED}))
def test_answers_about_used_properties_are_what_aws_documents(kind: str) -> None:
    wrong = {}
    for row in ROWS:
        if row.type == kind and (row.type, row.property) in USED:
            answer = _answer(row)
            if not is_right(row, answer):
                wrong[row.property] = f"documented {row.update_requires}, answered {answer}"
    assert wrong == {}


def _answer(row: Row) -> str:
    for edit in documented.edits(row):
        change = documented.ours(edit)
        if change is not None:
            return ANSWERS[change.action]
    return "nothing"
