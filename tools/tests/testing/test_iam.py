"""Tables of requests, and what IAM knows of actions, for tests of a project's rights."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from ecs_blue_green.deployer import environment, layers
from ecs_blue_green.testing.iam import Reference, Request, overlaps, requests, simulation
from ecs_blue_green.testing.roles import Deployed, DeployedRole
from tests.paths import PROJECT

TRUST = {"Statement": [{"Principal": {"Service": ["codebuild.amazonaws.com"]}}]}
ROLES = {
    name: DeployedRole(f"arn:aws:iam::000000000000:role/{name}", TRUST, {"own": {"Statement": []}})
    for name in ("a:Builder", "a:Other")
}


@pytest.fixture
def site() -> Deployed:
    declared = {slug: layer.parameters for slug, layer in layers.read(PROJECT / "build").items()}
    here = environment.load(PROJECT / "params", environment.LOCAL, declared)
    return Deployed(here, ROLES, {"a:Bucket": "artifacts"})


def test_table_gives_a_request_for_each_role_that_a_line_is_about(site: Deployed) -> None:
    table = {
        "roles": {
            "a:Builder": {"may": ["s3:GetObject on arn:aws:s3:::b/x"], "may not": ["s3:PutObject on *"]},
            "a:Other": {"may": [], "may not": []},
        },
        "nobody": ["iam:CreateUser on *", "s3:DeleteObject on arn:aws:s3:::b/x but a:Builder"],
    }
    assert list(requests(table, site)) == [
        Request("a:Builder", "s3:GetObject on arn:aws:s3:::b/x", True),
        Request("a:Builder", "s3:PutObject on *", False),
        Request("a:Builder", "iam:CreateUser on *", False),
        Request("a:Other", "iam:CreateUser on *", False),
        Request("a:Other", "s3:DeleteObject on arn:aws:s3:::b/x but a:Builder", False),
    ]


def test_request_is_simulated_with_the_names_of_what_was_deployed(site: Deployed) -> None:
    line = "logs:PutLogEvents on arn:aws:logs:<here>:log-group:<env>-<a:Bucket> with aws:Key=<other> k=v"
    simulated = simulation(Request("a:Builder", line, True), site)
    assert simulated == {
        "request": {
            "principal": "arn:aws:iam::000000000000:role/a:Builder",
            "action": "logs:PutLogEvents",
            "resource": {
                "resource": "arn:aws:logs:ap-northeast-1:000000000000:log-group:sample-local-artifacts",
                "accountId": "000000000000",
            },
            "contextVariables": {"aws:Key": "sample-other", "k": "v"},
        },
        "identityPolicies": [{"name": "own", "policy": {"Statement": []}}],
    }
    with pytest.raises(ValueError, match="not a request: PutObject everywhere"):
        simulation(Request("a:Builder", "PutObject everywhere", True), site)


def test_role_is_assumed_by_whom_it_trusts_and_an_unknown_one_by_the_account(site: Deployed) -> None:
    def trusted(arn: str) -> Mapping[str, object]:
        asked = Request("a:Other", f"sts:AssumeRole on {arn}", True)
        policy: Mapping[str, object] = simulation(asked, site)["resourcePolicy"]
        return policy

    assert trusted(ROLES["a:Builder"].arn) == TRUST
    unknown = json.dumps(trusted("arn:aws:iam::000000000000:role/unknown"))
    assert '"arn:aws:iam::000000000000:root"' in unknown


def test_reference_tells_of_each_action_what_it_takes(tmp_path: Path) -> None:
    file = tmp_path / "definition.json"
    put = {"resource_types": {"queue": {"condition_keys": ["a:One"]}, "": {"condition_keys": ["a:${Tag}"]}}}
    queue = {"arn": "arn:${Partition}:sqs:${Region}:${Account}:${Name}", "condition_keys": ["a:Two"]}
    file.write_text(json.dumps({"sqs": {"privileges": {"Put": put}, "resources": {"queue": queue}}}))
    reference = Reference(file)
    assert reference.resource_types("sqs:Put") == {"queue": ["arn:*:sqs:*:*:*"]}
    assert reference.condition_keys("sqs:Put") == {"a:One", "a:Two", "a:*"}
    assert (reference.privilege("sqs:Putt"), reference.privilege("none:Put")) == (None, None)
    with pytest.raises(LookupError, match="there is no action sqs:Putt"):
        reference.resource_types("sqs:Putt")


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("a", "a", True),
        ("a", "b", False),
        ("a*", "*b", True),
        ("a*c", "ab*", True),
        ("a*c", "b*", False),
        ("", "**", True),
        ("", "*a", False),
    ],
)
def test_patterns_overlap_where_one_text_is_of_both(one: str, other: str, *, both: bool) -> None:
    assert overlaps(one, other) is overlaps(other, one) is both
