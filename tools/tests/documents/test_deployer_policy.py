"""The deployer's own permissions: what it calls is allowed, and little else."""

import fnmatch
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from botocore import xform_name
from botocore.client import BaseClient
from botocore.stub import Stubber

from ecs_blue_green.deployer import layers
from ecs_blue_green.deployer.cloudformation import describe
from ecs_blue_green.deployer.effects.schemas import document
from ecs_blue_green.documents import approver_policy, handlers, operations
from ecs_blue_green.documents import deployer_policy as policy
from ecs_blue_green.documents.policy_files import NAME, is_reading, reaches, resource_types, resources
from tests import called_operations
from tests.deployer.shop import Shop

ROOT = Path(__file__).resolve().parents[3]
Statement = dict[str, Any]
KEYS = [[{"Ref": "KmsKeyArn"}], [{"Ref": "LogKmsKeyArn"}]]


@pytest.fixture(scope="module")
def policies() -> dict[str, list[Statement]]:
    """The statements by policy, those for a key of the user's too."""
    return {
        title: [
            statement["Fn::If"][1] if "Fn::If" in statement else statement
            for statement in resource["Properties"]["PolicyDocument"]["Statement"]
        ]
        for title, resource in policy.template()["Resources"].items()
    }


@pytest.fixture(scope="module")
def allowed(policies: dict[str, list[Statement]]) -> list[Statement]:
    return [one for statements in policies.values() for one in statements if one["Effect"] != "Deny"]


def test_file_is_what_the_code_asks_for() -> None:
    assert policy.FILE.read_text(encoding="utf-8") == policy.render(), "run: make docs"


def test_file_of_those_who_approve_is_what_the_templates_have() -> None:
    assert approver_policy.FILE.read_text(encoding="utf-8") == approver_policy.render(), "run: make docs"


def test_only_those_who_approve_may(allowed: list[Statement]) -> None:
    """On the pipeline's one action that waits for a person, and they may do nothing else but look."""
    permission = "codepipeline:PutApprovalResult"
    assert not any(
        fnmatch.fnmatchcase(permission, one) for statement in allowed for one in statement["Action"]
    )
    (made,) = approver_policy.template()["Resources"].values()
    statements = made["Properties"]["PolicyDocument"]["Statement"]
    changes = {one for statement in statements for one in statement["Action"] if not is_reading(one)}
    assert changes == {permission}
    (approve,) = [statement for statement in statements if permission in statement["Action"]]
    assert approve["Action"] == [permission]
    pipeline = "codepipeline:${AWS::Region}:${AWS::AccountId}:${Project}-${Environment}"
    assert approve["Resource"] == [{"Fn::Sub": f"arn:${{AWS::Partition}}:{pipeline}/Approve/Approve"}]
    for statement in statements:
        for resource in statement["Resource"]:
            for action in statement["Action"]:
                if resource == "*":
                    assert not resource_types(action)
                else:
                    arn = resource["Fn::Sub"].removeprefix("arn:${AWS::Partition}:")
                    assert reaches(action, arn), (action, arn)


def test_what_tasks_write_is_read_in_their_log_group_alone(policies: dict[str, list[Statement]]) -> None:
    """And not by what plans or deploys unattended."""
    found = {
        (title, str(statement["Resource"]))
        for title, statements in policies.items()
        for statement in statements
        if "logs:FilterLogEvents" in statement["Action"]
    }
    ((title, resources),) = found
    assert title == policy.BY_HAND
    assert ":log-group:/ecs/${Project}-${Environment}-" in resources


def test_log_group_of_a_whole_name_has_both_its_arns() -> None:
    """That of the name is for tagging; everything else asks for what is below it too."""
    group = {"Properties": {"LogGroupName": {"Fn::Sub": f"/ecs/{NAME}"}}}
    begins = {"Properties": {"LogGroupName": {"Fn::Sub": f"/ecs/{NAME}-api"}}}
    whole = f"logs:%:log-group:/ecs/{NAME}"
    assert policy._log_group_arns([group]) == (whole, f"{whole}:*")
    assert policy._log_group_arns([begins]) == (f"{whole}-*",)


@pytest.mark.parametrize("file", [policy.FILE, approver_policy.FILE])
def test_template_is_valid(file: Path) -> None:
    command = [Path(sys.executable).parent / "cfn-lint", file]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[:2000]


def test_policies_are_of_a_size_that_iam_takes(policies: dict[str, list[Statement]]) -> None:
    for title, statements in policies.items():
        assert policy.characters(statements) < policy.POLICY_CHARACTERS - 500, title
    # A role takes ten, until its quota is raised.
    assert len(policies) <= 10


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, str]]:
    """The calls that are made, as service and operation."""
    found: set[tuple[str, str]] = set()
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def recorded(self: Any, operation: str, request: Any) -> Any:
        found.add((self.meta.service_model.service_name, operation))
        return call(self, operation, request)

    monkeypatch.setattr(BaseClient, "_make_api_call", recorded)
    return found


def test_every_call_of_a_plan_is_allowed_to_the_role_that_plans_on_github(
    deployed: Shop, called: set[tuple[str, str]], policies: dict[str, list[Statement]]
) -> None:
    path = deployed.root / "params" / "dev.yaml"
    # Two stacks change, one of them through its own role.
    path.write_text(path.read_text() + "  MaxCapacity: 4\n  HealthRate: 0.9\n")
    file = str(deployed.root / "plan.json")
    made = deployed.run("plan", "--out", file)
    assert made["exit_code"] == 0, made.get("findings")
    assert deployed.run("plan", "--discard", file)["exit_code"] == 0
    template = layers.parse((ROOT / "docs" / "github-role.yaml").read_text())
    statements = template["Resources"]["PlanPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    allowed = {action for one in [*statements, *policies["ReadPolicy"]] for action in one["Action"]}
    needed = {f"{policy.PREFIXES.get(service, service)}:{name}" for service, name in called}
    needed = {one for action in needed for one in policy.ACTIONS.get(action, (action,))}
    assert needed - allowed == set()


def test_operations_are_those_that_the_source_calls() -> None:
    """Both ways: no permission stays when a call goes, and no call is there that no test makes."""
    recorded = {(called.room, xform_name(called.operation)) for called in operations.read()}
    can_call = {(room, name) for room, names in called_operations.words().items() for name in names}
    assert recorded - can_call == set(), called_operations.RECORD
    assert can_call - recorded == set(), f"write a test that calls it; {called_operations.RECORD}"


def test_operations_are_committed_in_order() -> None:
    rows = operations.FILE.read_text(encoding="utf-8").splitlines()
    assert rows[0] == ",".join(operations.Operation._fields)
    assert rows[1:] == [",".join(one) for one in sorted(operations.read())]


def test_call_that_the_file_lacks_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the deployer, not of a test; a client that a test stubs counts as well."""
    recorder = called_operations.Recorder(known=lambda: ())
    called_operations.watch_clients(recorder, monkeypatch)
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": handlers.REGION}
    client = boto3.client("cloudformation", **keys)  # type: ignore[call-overload]
    with Stubber(client) as stubber:
        stubber.add_response("describe_stacks", {"Stacks": []})
        client.describe_stacks(StackName="a")
        assert recorder.unknown() == set()
        stubber.add_client_error("describe_stacks", "ValidationError", "Stack with id a does not exist")
        assert describe.stack(client, "a") is None
    called = operations.Operation("cloudformation", "DescribeStacks", "cloudformation")
    assert recorder.unknown() == {called} == recorder.called
    assert recorder.unknown() == set()


def test_what_a_person_is_told_to_type_is_allowed(allowed: list[Statement]) -> None:
    """By what the deployer calls itself, or listed by hand with the reason."""
    told: set[str] = set()
    for path in sorted(called_operations.DEPLOYER.rglob("*.py")):
        for service, command in re.findall(r"\baws ([a-z0-9]+) ([a-z]+(?:-[a-z]+)+)", path.read_text()):
            name = {"s3api": "s3"}.get(service, service)
            known = {xform_name(one, "-"): one for one in _operation_names(name)}
            told.add(f"{policy.PREFIXES.get(name, name)}:{known[command]}")
    assert told >= policy.TYPED.keys()
    assert "s3:DeleteObject" in told
    assert policy.TYPED.keys().isdisjoint(policy.calls())
    actions = {action for statement in allowed for action in statement["Action"]}
    assert told - actions == set()


def _operation_names(service: str) -> list[str]:
    model = botocore.session.get_session().get_service_model(service)
    return list(model.operation_names)


def test_every_permission_has_its_reason(allowed: list[Statement]) -> None:
    """A call, a handler, a key, or one of the lists that say why."""
    keyed = {
        action for services in handlers.keys().values() for actions in services.values() for action in actions
    }
    listed = {*policy.TAGGING, *policy.TYPED, *policy.PUSH, *policy.VALIDATION, *policy.IN_BUCKET}
    reasons = policy.calls() | handlers.handlers() | keyed | listed
    # A role of a stack's is made under the boundary and passed on, and a service makes its own.
    reasons |= {"iam:PassRole", "iam:CreateServiceLinkedRole", *policy.WITH_BOUNDARY}
    actions = {action for statement in allowed for action in statement["Action"]}
    assert actions - reasons == set()


def test_every_call_is_allowed(allowed: list[Statement]) -> None:
    # Direct calls do not come through CloudFormation.
    direct = {
        action
        for statement in allowed
        if statement.get("Condition") != policy.THROUGH_CLOUDFORMATION
        for action in statement["Action"]
    }
    assert policy.calls() - direct == set()
    assert set(policy.PUSH) <= direct


def test_what_the_deployer_changes_itself_is_known_one_by_one() -> None:
    changes = {
        action
        for action in policy.calls()
        if not is_reading(action) and action.partition(":")[0] not in ("cloudformation", "ssm")
    }
    assert changes | set(policy.PUSH) == policy.DIRECT.keys() | {"s3:PutObject"}
    assert changes & policy.IN_BUCKET >= {"s3:PutObject", "s3:DeleteObject"}


def test_templates_are_put_into_the_named_bucket_below_the_stacks_names(allowed: list[Statement]) -> None:
    """Never into another, and CloudFormation reads them with the same permissions."""
    (templates,) = [one for one in allowed if one.get("Sid") == "Templates"]
    assert set(templates["Action"]) == policy.IN_BUCKET
    path = "${TemplateBucket}/${Project}-${Environment}-*"
    assert templates["Resource"] == [{"Fn::Sub": f"arn:${{AWS::Partition}}:s3:::{path}"}]
    assert [one for one in allowed if "s3:PutObject" in one["Action"]] == [templates]


def test_every_permission_of_the_handlers_is_allowed(allowed: list[Statement]) -> None:
    actions = {action for statement in allowed for action in statement["Action"]}
    assert handlers.handlers() - actions == set()


@pytest.mark.parametrize("resource_type", handlers.UNTOLD_OF_TYPES)
def test_type_without_handlers_has_the_rights_that_are_written_down(resource_type: str) -> None:
    assert "handlers" not in document(resource_type, handlers.REGION)
    for action in handlers._permissions(resource_type, handlers.HANDLERS):
        assert resource_types(action) is not None


def test_whatever_a_handler_reads_may_be_read(policies: dict[str, list[Statement]]) -> None:
    """Changing MinCapacity was seen denied for want of DescribeScheduledActions, which nothing here uses."""
    reads = {one for statement in policies["ReadPolicy"] for one in statement["Action"]}
    asked = {one for one in set().union(*handlers.asked().values()) if resource_types(one) is not None}
    assert {one for one in asked if is_reading(one)} - reads == handlers.CONTENTS
    assert "application-autoscaling:DescribeScheduledActions" in reads
    # Nothing is read from a bucket: the one function's code stands in its template.
    built = layers.read(ROOT / "build")
    functions = [
        resource["Properties"]["Code"]
        for layer in built.values()
        for resource in layer.resources.values()
        if resource["Type"] == "AWS::Lambda::Function"
    ]
    assert [set(code) for code in functions] == [{"ZipFile"}]


def test_alarms_of_target_tracking_could_be_made_by_whoever_asks_for_them(
    policies: dict[str, list[Statement]],
) -> None:
    (alarms,) = [
        one for one in policies["NamedResourcesPolicy1"] if "cloudwatch:PutMetricAlarm" in one["Action"]
    ]
    assert "cloudwatch:DeleteAlarms" in alarms["Action"]
    patterns = [one["Fn::Sub"].rpartition(":alarm:")[2] for one in alarms["Resource"]]
    values = {"Project": "sample", "Environment": "dev", "ClusterName": "common"}
    for name, value in values.items():
        patterns = [pattern.replace(f"${{{name}}}", value) for pattern in patterns]

    def reached(alarm: str) -> bool:
        return any(fnmatch.fnmatchcase(alarm, pattern) for pattern in patterns)

    assert reached("sample-dev-pipeline-BlueAlarm-1")
    assert reached("TargetTracking-service/common/sample-dev-api-AlarmHigh-1")
    # As which a request without a name is judged.
    assert reached("")
    assert not reached("TargetTracking-service/common/sample-prod-api-AlarmHigh-1")
    assert not reached("TargetTracking-service/other/sample-dev-api-AlarmHigh-1")
    assert not reached("another")


def test_key_of_the_user_is_used_for_images_and_logs_alone() -> None:
    statements = [
        statement["Fn::If"]
        for resource in policy.template()["Resources"].values()
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]
        if "Fn::If" in statement and statement["Fn::If"][0] != "HasTemplateBucket"
    ]
    found: dict[str, dict[str | None, set[str]]] = {"HasKmsKey": {}, "HasLogKmsKey": {}}
    for condition, statement, otherwise in statements:
        assert otherwise == {"Ref": "AWS::NoValue"}
        assert statement["Resource"] == [{"Ref": condition.replace("Has", "") + "Arn"}]
        assert statement["Condition"].items() >= policy.THROUGH_CLOUDFORMATION.items()
        service = statement["Condition"].get("StringEquals", {}).get("kms:ViaService", {}).get("Fn::Sub")
        found[condition][service] = set(statement["Action"])
    logs: dict[str | None, set[str]] = {
        "logs.${AWS::Region}.amazonaws.com": {"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"}
    }
    assert found["HasLogKmsKey"] == logs
    assert found["HasKmsKey"] == {
        # https://docs.aws.amazon.com/AmazonECR/latest/userguide/encryption-at-rest.html
        "ecr.${AWS::Region}.amazonaws.com": {"kms:CreateGrant"},
        None: {"kms:RetireGrant"},
        **logs,
    }


def test_key_that_is_not_the_users_is_only_looked_at(allowed: list[Statement]) -> None:
    everywhere = {
        action
        for statement in allowed
        if statement["Resource"] not in KEYS
        for action in statement["Action"]
        if action.startswith("kms:")
    }
    assert everywhere == {"kms:DescribeKey", "kms:GetKeyPolicy"}


def test_stacks_are_tagged_by_whoever_makes_their_change_sets(policies: dict[str, list[Statement]]) -> None:
    (stacks,) = [one for one in policies["StacksPolicy"] if "cloudformation:CreateChangeSet" in one["Action"]]
    assert {"cloudformation:TagResource", "cloudformation:UntagResource"} <= set(stacks["Action"])


def test_web_acl_is_given_and_taken_away_in_both_settings_of_an_account(allowed: list[Statement]) -> None:
    """An account asks for SetWebACL, or for the two others; which, cannot be told from outside."""
    actions = {action for statement in allowed for action in statement["Action"]}
    assert {
        "elasticloadbalancing:SetWebACL",
        "elasticloadbalancing:CreateWebACLAssociation",
        "elasticloadbalancing:DeleteWebACLAssociation",
        "wafv2:AssociateWebACL",
        "wafv2:DisassociateWebACL",
    } <= actions


def test_whatever_validation_of_a_change_set_reads_may_be_read(policies: dict[str, list[Statement]]) -> None:
    """With the permissions of whoever makes it, and nobody says that it comes through CloudFormation then."""
    (look,) = [one for one in policies["ReadPolicy"] if one.get("Sid") == "Look"]
    assert "Condition" not in look
    # AWS's page; a permission that Config has is about recorders.
    assert set(look["Action"]) >= {
        "cloudwatch:GetMetricData",
        "ec2:DescribeSecurityGroups",
        "ecr:ListImages",
        "iam:GetAccountSummary",
        "lambda:GetAccountSettings",
        "s3:ListBucket",
        "servicequotas:GetServiceQuota",
    }


def test_stack_that_was_left_failed_can_be_rolled_back(policies: dict[str, list[Statement]]) -> None:
    (stacks,) = [one for one in policies["StacksPolicy"] if "cloudformation:RollbackStack" in one["Action"]]
    assert all("${Project}-${Environment}-" in resource["Fn::Sub"] for resource in stacks["Resource"])


def test_resources_are_changed_through_cloudformation_only(allowed: list[Statement]) -> None:
    direct = {
        action
        for statement in allowed
        if "aws:CalledVia" not in str(statement.get("Condition"))
        for action in statement["Action"]
        if not is_reading(action)
    }
    others = direct - policy.DIRECT.keys() - policy.IN_BUCKET
    assert {action.partition(":")[0] for action in others} == {"cloudformation", "iam", "ssm"}
    assert {action for action in others if action.startswith("iam:")} == {
        "iam:CreateServiceLinkedRole",
        "iam:PassRole",
    }


def test_changes_reach_only_what_has_the_environments_name(allowed: list[Statement]) -> None:
    """Where IAM can tell resources apart and their names are ours, no statement is about all of them."""
    for statement in allowed:
        if statement["Resource"] == ["*"]:
            wide = {a for a in statement["Action"] if policy.is_scoped(a) and not is_reading(a)}
            assert wide == set()


def test_statement_names_resources_that_iam_knows_for_its_actions(allowed: list[Statement]) -> None:
    for statement in allowed:
        if statement["Resource"] == ["*"] or statement["Action"][0] == "iam:PassRole":
            continue
        if statement["Resource"] in KEYS:
            continue
        arns = [one["Fn::Sub"].removeprefix("arn:${AWS::Partition}:") for one in statement["Resource"]]
        for action in statement["Action"]:
            assert any(reaches(action, arn) for arn in arns), (action, arns)


def test_right_on_what_no_scope_names_is_given_all_the_same() -> None:
    """CloudWatch has alarms and dashboards; of these two the scopes name alarms."""
    assert policy.is_scoped("cloudwatch:PutMetricAlarm")
    assert not policy.is_scoped("cloudwatch:PutDashboard")
    assert not reaches("cloudwatch:PutDashboard", "cloudwatch:%:alarm:a")
    assert reaches("cloudwatch:PutDashboard", "cloudwatch::x:dashboard/a")


def test_roles_are_made_under_the_boundary_where_there_is_one(policies: dict[str, list[Statement]]) -> None:
    (making,) = [one for one in policies["RolesPolicy"] if "iam:CreateRole" in one["Action"]]
    condition, limited, free = making["Condition"]["Fn::If"]
    assert condition == "HasPermissionsBoundary"
    assert limited["StringEquals"] == {"iam:PermissionsBoundary": {"Ref": "PermissionsBoundaryArn"}}
    assert free == policy.THROUGH_CLOUDFORMATION
    (taking,) = [
        one for one in policies["RolesPolicy"] if "iam:DeleteRolePermissionsBoundary" in one["Action"]
    ]
    assert taking["Effect"] == {"Fn::If": ["HasPermissionsBoundary", "Deny", "Allow"]}


def test_every_exception_is_still_one() -> None:
    asked = handlers.asked()
    stale = [
        one
        for resource_type, exceptions in handlers.NOT_NEEDED.items()
        for one in exceptions
        if not [name for name in fnmatch.filter(asked[resource_type], one.actions) if not is_reading(name)]
    ]
    assert stale == []
    assert set().union(*asked.values()) >= handlers.CONTENTS


def test_exception_ends_with_the_property_that_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for resource_type, exceptions in handlers.NOT_NEEDED.items():
        known = document(resource_type, handlers.REGION)["properties"]
        assert {one.unless for one in exceptions if one.unless} <= known.keys()
    assert "elasticloadbalancing:RegisterTargets" not in handlers.handlers()
    (group, *_) = resources("AWS::ElasticLoadBalancingV2::TargetGroup")
    monkeypatch.setitem(group["Properties"], "Targets", [{"Id": "10.0.0.1"}])
    assert "elasticloadbalancing:RegisterTargets" in handlers.handlers()
