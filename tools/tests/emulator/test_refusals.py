"""What AWS refuses, ours refuses: a test for each row of refusals.md."""

import ast
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator.aws import PRIVATE, PUBLIC, VPC, Aws, Resources, error, fresh
from tests.emulator.parts import (
    attribute,
    blue_green_service,
    changed,
    deployment_group,
    listener,
    network,
    project,
    ref,
    released,
    resource,
    role,
    rule,
    service,
    task_definition,
    values,
)
from tests.paths import TOOLS

TABLE = TOOLS / "src" / "ecs_blue_green" / "emulator" / "refusals.md"
NO_ROLE = "arn:aws:iam::000000000000:role/none"
NO_SUBNET = "subnet-00000000000000000"
MANIFEST = '{"mediaType": "application/vnd.oci.image.manifest.v1+json"}'
CIRCUIT_BREAKER = {
    "DeploymentConfiguration": {"DeploymentCircuitBreaker": {"Enable": True, "Rollback": True}}
}


def rows() -> list[list[str]]:
    lines = [line for line in TABLE.read_text().splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if "`test_" in line]


def names_of_tests(file: Path) -> set[str]:
    tree = ast.parse(file.read_text())
    return {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_every_row_has_its_test_and_every_test_its_row() -> None:
    here = Path(__file__)
    named = {name for row in rows() for name in re.findall(r"`(test_\w+)`", row[-1])}
    known = set().union(*(names_of_tests(file) for file in here.parent.glob("test_*.py")))
    assert named - known == set()
    assert names_of_tests(here) - named == {test_every_row_has_its_test_and_every_test_its_row.__name__}
    assert all(len(row) == 4 and row[2] for row in rows()), "every row gives its source"


def export(name: str, value: Any) -> dict[str, Any]:
    return {"Outputs": {"Out": {"Value": value, "Export": {"Name": name}}}}


def topic(**properties: Any) -> Resources:
    return {"Topic": resource("SNS::Topic", **properties)}


def importing(name: str) -> Resources:
    return {"Topic": resource("SNS::Topic", DisplayName={"Fn::ImportValue": name})}


def deny(*logical_ids: str, action: str = "Update:*") -> str:
    statements = [
        {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"},
        {
            "Effect": "Deny",
            "Action": action,
            "Principal": "*",
            "Resource": [f"LogicalResourceId/{name}" for name in logical_ids],
        },
    ]
    return json.dumps({"Statement": statements})


# Names


@pytest.mark.parametrize(
    ("logical_id", "named"),
    [
        ("Cluster", resource("ECS::Cluster", ClusterName="taken")),
        ("Repository", resource("ECR::Repository", RepositoryName="taken")),
        ("LogGroup", resource("Logs::LogGroup", LogGroupName="taken")),
        ("Role", role("ecs-tasks.amazonaws.com", RoleName="taken")),
        ("Application", resource("CodeDeploy::Application", ApplicationName="taken", ComputePlatform="ECS")),
        ("Bucket", resource("S3::Bucket", BucketName="taken-bucket")),
        (
            "Function",
            resource(
                "Lambda::Function",
                FunctionName="taken",
                Role=attribute("Role", "Arn"),
                Runtime="python3.13",
                Handler="index.handler",
                Code={"ZipFile": "pass"},
            ),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_name_of_an_existing_resource(either: Aws, logical_id: str, named: Any) -> None:
    needed = {"Role": role("lambda.amazonaws.com")} if logical_id == "Function" else {}
    either.create(f"first-{logical_id}".lower(), {**needed, logical_id: named})
    stack, again = f"second-{logical_id}".lower(), {**needed, logical_id: named}
    if not either.validation.looks_at(named["Type"]):
        assert "already exists." in either.refused(stack, again)
        return
    found = either.invalid(stack, again)
    assert [path for path, _ in found] == [f"/Resources/{logical_id}"]
    assert found[0][1].endswith("already exists.")


def test_name_that_only_the_service_knows_to_be_taken(aws: Aws) -> None:
    """Names that do not identify a resource: found out when it is created."""
    group = resource("ElasticLoadBalancingV2::TargetGroup", Name="twice", VpcId=VPC, Port=80, Protocol="HTTP")
    firewall = resource("EC2::SecurityGroup", GroupName="twice", GroupDescription="x", VpcId=VPC)
    balancer = resource("ElasticLoadBalancingV2::LoadBalancer", Name="twice", Subnets=PUBLIC)
    aws.create("names", {"Group": group, "Firewall": firewall, "Balancer": balancer})
    assert "A target group with the same name 'twice' exists" in aws.refused("names-group", {"Again": group})
    assert "The security group 'twice' already exists" in aws.refused("names-firewall", {"Again": firewall})
    assert "A load balancer with the same name 'twice' exists" in aws.refused("names-lb", {"Again": balancer})

    aws.create("names-project", project(Name="twice"))
    assert "Project already exists: " in aws.refused("names-project-again", project(Name="twice"))

    aws.create("names-service", blue_green_service("names", "twice", "names"))
    again = {**network(), "Again": {**service("names", "twice", "names"), "DependsOn": "Listener"}}
    assert "Creation of service was not idempotent." in aws.refused("names-service-again", again)


def test_name_that_a_template_gives_twice(aws: Aws) -> None:
    """Nothing has the name while the change set is validated."""
    repository = resource("ECR::Repository", RepositoryName="given-twice")
    reason = aws.refused("given-twice", {"First": repository, "Second": {**repository, "DependsOn": "First"}})
    assert "with identifier 'given-twice' already exists." in reason


def test_replacement_under_a_name_of_its_own(aws: Aws) -> None:
    def group(port: int) -> Resources:
        given = {"Name": "kept", "VpcId": VPC, "Protocol": "HTTP", "Port": port}
        return {"Group": resource("ElasticLoadBalancingV2::TargetGroup", **given)}

    aws.create("custom-name", group(80))
    assert aws.update("custom-name", group(81))["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert (
        "cannot update a stack when a custom-named resource requires replacing"
        in aws.reasons("custom-name")[0]
    )


# Properties and references


def test_property_that_the_schema_does_not_allow(aws: Aws) -> None:
    wrong = {"Group": resource("Logs::LogGroup", RetentionInDays=2, Name="x")}
    assert [path for path, _ in aws.invalid("properties", wrong)] == [
        "/Resources/Group/Properties",
        "/Resources/Group/Properties/RetentionInDays",
    ]


def test_property_of_a_type_that_is_not_validated(either: Aws) -> None:
    wrong = {"Repository": resource("ECR::Repository", ImageTagMutability="SOMETIMES")}
    if either.validation.every_type:
        (found,) = either.invalid("late-or-early", wrong)
        assert found[0] == "/Resources/Repository/Properties/ImageTagMutability"
    else:
        reason = either.refused("late-or-early", wrong)
        assert reason.startswith("Properties validation failed for resource Repository with message:\n")


def test_warning_about_what_is_not_empty(aws: Aws) -> None:
    """The change set is there, and DescribeEvents alone tells that what it removes cannot be removed."""
    bucket, repository = fresh("not-empty"), fresh("not-empty")
    made = {
        "Bucket": resource("S3::Bucket", BucketName=bucket),
        "Kept": {**resource("S3::Bucket", BucketName=f"{bucket}-kept"), "DeletionPolicy": "Retain"},
        "Repository": resource("ECR::Repository", RepositoryName=repository),
        "Emptied": resource("ECR::Repository", RepositoryName=f"{repository}-emptied", EmptyOnDelete=True),
    }
    aws.create("not-empty", {**topic(), **made})
    assert warnings(aws, aws.propose("not-empty", topic())) == []
    for name in (bucket, f"{bucket}-kept"):
        aws.client("s3").put_object(Bucket=name, Key="x", Body=b"x")
    for name in (repository, f"{repository}-emptied"):
        aws.client("ecr").put_image(repositoryName=name, imageTag="a", imageManifest=MANIFEST)
    change_set = aws.propose("not-empty", topic())
    assert change_set["Status"] == "CREATE_COMPLETE"
    assert warnings(aws, change_set) == ["/Resources/Bucket", "/Resources/Repository"]


def warnings(aws: Aws, change_set: Any) -> list[str]:
    events = aws.client("cloudformation").describe_events(ChangeSetName=change_set["ChangeSetId"])
    return sorted(
        event["ValidationPath"]
        for event in events["OperationEvents"]
        if event.get("ValidationFailureMode") == "WARN"
    )


def test_property_whose_value_is_known_only_at_deployment(aws: Aws) -> None:
    wrong = {**topic(), "Group": resource("Logs::LogGroup", RetentionInDays=ref("Topic"))}
    reason = aws.refused("late-property", wrong)
    assert reason.startswith(
        "Properties validation failed for resource Group with message:\n#/RetentionInDays: "
    )


def test_parameter_that_names_what_does_not_exist(aws: Aws) -> None:
    parameters = {"Vpc": {"Type": "AWS::EC2::VPC::Id"}, "Subnets": {"Type": "List<AWS::EC2::Subnet::Id>"}}
    given = {"Vpc": VPC, "Subnets": ",".join(PUBLIC)}
    for name, value in {"Vpc": "vpc-00000000000000000", "Subnets": "subnet-00000000000000000"}.items():
        values = [
            {"ParameterKey": key, "ParameterValue": item} for key, item in {**given, name: value}.items()
        ]
        with pytest.raises(ClientError) as refused:
            aws.propose("parameter", topic(), kind="CREATE", Parameters=parameters, values=values)
        code, message = error(refused)
        assert code == "ValidationError"
        assert f"parameter value {value} for parameter name {name} does not exist" in message


UNRESOLVED = "Template format error: Unresolved resource dependencies [Nothing]"


def test_template_that_cannot_be_used(aws: Aws) -> None:
    cloudformation = aws.client("cloudformation")

    def refused(template: Any, **more: Any) -> tuple[str, str]:
        with pytest.raises(ClientError) as answer:
            cloudformation.create_change_set(
                StackName="unusable",
                ChangeSetName="unusable",
                ChangeSetType="CREATE",
                TemplateBody=json.dumps(template),
                **more,
            )
        return error(answer)

    dangling = {"Topic": resource("SNS::Topic", TopicName={"Fn::Sub": "${Nothing}-topic"})}
    given = [{"ParameterKey": "Nothing", "ParameterValue": "x"}]
    assert [
        refused({"Resources": {}}),
        refused({"Resources": dangling}),
        refused({"Resources": topic(), "Outputs": values(Name=ref("Nothing"))}),
        refused({"Resources": topic()}, Parameters=given),
    ] == [
        ("ValidationError", text)
        for text in (
            "Template format error: At least one Resources member must be defined.",
            f"{UNRESOLVED} in the Resources block of the template",
            f"{UNRESOLVED} in the Outputs block of the template",
            "Parameters: [Nothing] do not exist in the template",
        )
    ]
    # Nothing is left of it, as of any request that was refused.
    with pytest.raises(ClientError):
        cloudformation.describe_stacks(StackName="unusable")


def test_template_that_is_too_long(aws: Aws) -> None:
    body = json.dumps({"Description": "x", "Resources": topic(), "Metadata": {"Long": "x" * 51_200}})
    with pytest.raises(ClientError) as refused:
        aws.client("cloudformation").create_change_set(
            StackName="long", ChangeSetName="long", ChangeSetType="CREATE", TemplateBody=body
        )
    code, message = error(refused)
    assert code == "ValidationError"
    assert "Member must have length less than or equal to 51200" in message


def test_template_in_a_bucket_that_is_too_long(aws: Aws) -> None:
    body = json.dumps({"Description": "x", "Resources": topic(), "Metadata": {"Long": "x" * 1_000_000}})
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="long-ones", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
    s3.put_object(Bucket="long-ones", Key="template", Body=body.encode())
    with pytest.raises(ClientError) as refused:
        aws.client("cloudformation").create_change_set(
            StackName="long",
            ChangeSetName="long",
            ChangeSetType="CREATE",
            TemplateURL=f"{s3.meta.endpoint_url}/long-ones/template",
        )
    assert error(refused) == ("ValidationError", "Template may not exceed 1000000 bytes in size.")


@pytest.mark.parametrize("name", ["RoleName", "none"])
def test_iam_resource_without_its_capability(aws: Aws, name: str) -> None:
    named = {"RoleName": "someone"} if name == "RoleName" else {}
    resources = {"Role": role("ecs-tasks.amazonaws.com", **named)}
    needed = "CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM"
    given = ["CAPABILITY_IAM"] if named else []
    with pytest.raises(ClientError) as refused:
        aws.propose("capability", resources, kind="CREATE", Capabilities=given)
    assert error(refused) == ("InsufficientCapabilitiesException", f"Requires capabilities : [{needed}]")


# Change sets and the states of a stack


def test_change_set_that_changes_nothing(aws: Aws) -> None:
    aws.create("unchanged", topic())
    empty = aws.propose("unchanged", topic())
    assert (empty["Status"], empty["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert empty["StatusReason"].startswith("The submitted information didn't contain changes.")
    with pytest.raises(ClientError) as refused:
        aws.execute(empty)
    assert error(refused)[0] == "InvalidChangeSetStatus"


def test_change_set_after_another_was_executed(aws: Aws) -> None:
    aws.create("overtaken", topic())
    stale = aws.propose("overtaken", topic(DisplayName="a"))
    aws.execute(aws.propose("overtaken", topic(DisplayName="b")))
    with pytest.raises(ClientError) as refused:
        aws.execute(stale)
    assert error(refused)[0] == "ChangeSetNotFound"


def test_update_of_a_stack_that_was_never_created(aws: Aws) -> None:
    failed = {"Wrong": resource("SNS::Subscription", TopicArn="arn:aws:sns:::x", Protocol="email")}
    aws.refused("rolled-back", failed)
    aws.propose("in-review", topic(), kind="CREATE")
    for stack, status in {"rolled-back": "ROLLBACK_COMPLETE", "in-review": "REVIEW_IN_PROGRESS"}.items():
        with pytest.raises(ClientError) as refused:
            aws.propose(stack, topic())
        code, message = error(refused)
        assert code == "ValidationError"
        assert message.endswith(f"is in {status} state and can not be updated.")


def test_creation_of_a_stack_that_exists(aws: Aws) -> None:
    aws.create("there", topic())
    with pytest.raises(ClientError) as refused:
        aws.propose("there", topic(), kind="CREATE")
    assert "already exists and cannot be created again with the changeSet" in error(refused)[1]


def test_second_change_set_of_a_reviewed_stack_keeps_the_stack(aws: Aws) -> None:
    """Not a refusal: AWS adds it to the same stack, so that neither is lost."""
    first = aws.propose("reviewed", topic(), kind="CREATE")
    second = aws.propose("reviewed", topic(DisplayName="x"), kind="CREATE")
    assert first["StackId"] == second["StackId"]
    listed = aws.client("cloudformation").list_change_sets(StackName=first["StackId"])["Summaries"]
    assert len(listed) == 2
    assert aws.execute(first)["StackStatus"] == "CREATE_COMPLETE"


def test_deletion_of_a_protected_stack(aws: Aws) -> None:
    aws.create("protected", topic())
    cloudformation = aws.client("cloudformation")
    cloudformation.update_termination_protection(StackName="protected", EnableTerminationProtection=True)
    with pytest.raises(ClientError) as refused:
        cloudformation.delete_stack(StackName="protected")
    assert "cannot be deleted while TerminationProtection is enabled" in error(refused)[1]


# The service role


def stack_role() -> str:
    """The ARN of the role that `test_service_role_*` deploy with."""
    return "arn:aws:iam::000000000000:role/stack-role"


def test_service_role_that_cannot_be_assumed(aws: Aws) -> None:
    aws.create("other-role", {"Role": role("ecs-tasks.amazonaws.com", RoleName="other-role")})
    for arn in (NO_ROLE, "arn:aws:iam::000000000000:role/other-role"):
        with pytest.raises(ClientError) as refused:
            aws.propose("with-role", topic(), kind="CREATE", RoleARN=arn)
        assert error(refused) == ("ValidationError", f"Role {arn} is invalid or cannot be assumed")
    aws.create("without-role", topic())
    with pytest.raises(ClientError) as refused:
        aws.client("cloudformation").delete_stack(StackName="without-role", RoleARN=NO_ROLE)
    assert error(refused)[1] == f"Role {NO_ROLE} is invalid or cannot be assumed"


def test_service_role_is_kept_and_must_outlive_its_stack(aws: Aws) -> None:
    """The role of the last operation is used by the next one that names none, for people too."""
    aws.create("role-stack", {"Role": role("cloudformation.amazonaws.com", RoleName="stack-role")})
    created = aws.create("uses-role", topic(), RoleARN=stack_role())
    assert created["RoleARN"] == stack_role()
    assert aws.update("uses-role", topic(DisplayName="a"))["RoleARN"] == stack_role()

    aws.delete("role-stack")
    message = f"Role {stack_role()} is invalid or cannot be assumed"
    with pytest.raises(ClientError) as refused:
        aws.propose("uses-role", topic(DisplayName="b"))
    assert error(refused) == ("ValidationError", message)
    with pytest.raises(ClientError) as refused:
        aws.client("cloudformation").delete_stack(StackName="uses-role")
    assert error(refused) == ("ValidationError", message)

    aws.create("role-stack", {"Role": role("cloudformation.amazonaws.com", RoleName="stack-role")})
    aws.delete("uses-role")


# Stack policies


def policed(stack: str, aws: Aws, *logical_ids: str, action: str = "Update:*") -> Resources:
    """A stack with two topics, the second of which refers to the first, and a policy that denies."""
    resources = {**topic(), "Other": resource("SNS::Topic", DisplayName=attribute("Topic", "TopicName"))}
    aws.create(stack, resources)
    policy = deny(*logical_ids, action=action)
    aws.client("cloudformation").set_stack_policy(StackName=stack, StackPolicyBody=policy)
    return resources


def denied(aws: Aws, stack: str, resources: Resources) -> str:
    assert aws.update(stack, resources)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    return aws.reasons(stack)[0]


def test_stack_policy_denies_a_change(aws: Aws) -> None:
    resources = policed("policy-modify", aws, "Topic")
    reason = denied(aws, "policy-modify", {**resources, **topic(DisplayName="x")})
    assert reason == (
        "Action denied by stack policy: Statement [#2] does not allow [Update:Modify] "
        "for resource [LogicalResourceId/Topic]"
    )


def test_stack_policy_denies_a_replacement(aws: Aws) -> None:
    resources = policed("policy-replace", aws, "Topic", action="Update:Replace")
    assert (
        aws.update("policy-replace", {**resources, **topic(DisplayName="x")})["StackStatus"]
        == "UPDATE_COMPLETE"
    )
    reason = denied(aws, "policy-replace", {**resources, **topic(TopicName="renamed")})
    assert "[Update:Replace] for resource [LogicalResourceId/Topic]" in reason


def test_stack_policy_denies_a_removal(aws: Aws) -> None:
    resources = policed("policy-delete", aws, "Other")
    reason = denied(aws, "policy-delete", {"Topic": resources["Topic"]})
    assert "[Update:Delete] for resource [LogicalResourceId/Other]" in reason
    assert (
        len(
            aws.client("cloudformation").describe_stack_resources(StackName="policy-delete")["StackResources"]
        )
        == 2
    )


def test_stack_policy_denies_a_change_of_what_a_protected_resource_refers_to(aws: Aws) -> None:
    resources = policed("policy-reference", aws, "Other")
    reason = denied(aws, "policy-reference", {**resources, **topic(DisplayName="x")})
    assert "[Update:Modify] for resource [LogicalResourceId/Other]" in reason


def test_stack_policy_denies_what_no_statement_allows(aws: Aws) -> None:
    aws.create("policy-default", topic())
    only_replace = {"Effect": "Allow", "Action": "Update:Replace", "Principal": "*", "Resource": "*"}
    aws.client("cloudformation").set_stack_policy(
        StackName="policy-default", StackPolicyBody=json.dumps({"Statement": [only_replace]})
    )
    assert "does not allow [Update:Modify]" in denied(aws, "policy-default", topic(DisplayName="x"))


@pytest.mark.parametrize(
    "policy",
    [
        "no policy",
        '{"Statement": [{"Effect": "Permit", "Action": "Update:*", "Principal": "*", "Resource": "*"}]}',
        '{"Statement": [{"Effect": "Deny", "Action": "Update:*", "Principal": "me", "Resource": "*"}]}',
        '{"Statement": [{"Effect": "Deny", "Action": "Create:*", "Principal": "*", "Resource": "*"}]}',
    ],
    ids=["text", "effect", "principal", "action"],
)
def test_stack_policy_that_is_none(aws: Aws, policy: str) -> None:
    stack = fresh("policy-none")
    aws.create(stack, topic())
    with pytest.raises(ClientError) as refused:
        aws.client("cloudformation").set_stack_policy(StackName=stack, StackPolicyBody=policy)
    assert error(refused)[1].startswith("Error validating stack policy: ")


def test_stack_policy_that_names_no_resource(aws: Aws) -> None:
    aws.create("policy-unknown", topic())
    with pytest.raises(ClientError) as refused:
        aws.client("cloudformation").set_stack_policy(
            StackName="policy-unknown", StackPolicyBody=deny("Missing")
        )
    assert "Unknown logical id 'LogicalResourceId/Missing'" in error(refused)[1]


# Exports


def test_export_in_use_stays_as_it_is(aws: Aws) -> None:
    aws.create("exporter", topic(), **export("shared", "one"))
    aws.create("importer", importing("shared"))
    for outputs, verb in ((export("shared", "two"), "updated"), (export("other", "one"), "deleted")):
        updated = aws.update("exporter", topic(), **outputs)
        assert updated["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
        assert f"Export shared cannot be {verb} as it is in use by importer" in " ".join(
            aws.reasons("exporter")
        )
    assert (
        aws.update("exporter", topic(DisplayName="fine"), **export("shared", "one"))["StackStatus"]
        == "UPDATE_COMPLETE"
    )


def test_export_in_use_keeps_its_stack(aws: Aws) -> None:
    """AWS accepts the request, and leaves the stack as it was with an event that says why."""
    aws.create("kept-exporter", topic(), **export("kept", "one"))
    aws.create("kept-importer", importing("kept"))
    cloudformation = aws.client("cloudformation")
    cloudformation.delete_stack(StackName="kept-exporter")
    stack = aws.settled("kept-exporter")
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    newest = cloudformation.describe_stack_events(StackName="kept-exporter")["StackEvents"][0]
    assert newest["ResourceStatusReason"] == "Export kept cannot be deleted as it is in use by kept-importer"
    aws.delete("kept-importer")
    aws.delete("kept-exporter")


def test_export_of_a_name_that_is_taken(aws: Aws) -> None:
    aws.create("first-exporter", topic(), **export("unique", "one"))
    proposed = aws.propose("second-exporter", topic(), kind="CREATE", **export("unique", "two"))
    assert aws.execute(proposed)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert (
        "Export with name unique is already exported by stack first-exporter"
        in aws.reasons("second-exporter")[0]
    )


def test_import_of_an_export_that_is_not_there(aws: Aws) -> None:
    """A change set that imports it fails, for a stack that exists and for a new one."""
    aws.create("hopeful", topic())
    for kind, stack in (("UPDATE", "hopeful"), ("CREATE", "hopeful-too")):
        proposed = aws.propose(stack, importing("nowhere"), kind=kind)
        assert (proposed["Status"], proposed["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
        assert (proposed["StatusReason"], proposed["Changes"]) == ("No export named nowhere found", [])
        with pytest.raises(ClientError) as refused:
            aws.execute(proposed)
        assert error(refused)[0] == "InvalidChangeSetStatus"


# What cannot be deleted as things are


def undeletable(aws: Aws, stack: str) -> str:
    aws.client("cloudformation").delete_stack(StackName=stack)
    assert aws.settled(stack)["StackStatus"] == "DELETE_FAILED"
    return aws.reasons(stack)[0]


def protected_balancer(*, protect: bool = True) -> Resources:
    resources = network()
    resources["Balancer"]["Properties"]["LoadBalancerAttributes"] = [
        {"Key": "deletion_protection.enabled", "Value": str(protect).lower()}
    ]
    return resources


def test_deletion_of_a_protected_load_balancer(aws: Aws) -> None:
    aws.create("balancer", protected_balancer(), Outputs={"Arn": {"Value": ref("Balancer")}})
    arn = aws.outputs("balancer")["Arn"]
    with pytest.raises(ClientError) as refused:
        aws.client("elbv2").delete_load_balancer(LoadBalancerArn=arn)
    assert error(refused)[0] == "OperationNotPermitted"
    assert "cannot be deleted because deletion protection is enabled" in undeletable(aws, "balancer")
    aws.client("elbv2").modify_load_balancer_attributes(
        LoadBalancerArn=arn, Attributes=[{"Key": "deletion_protection.enabled", "Value": "false"}]
    )
    aws.delete("balancer")


def test_failed_creation_with_a_protected_load_balancer_is_not_rolled_back(aws: Aws) -> None:
    """The load balancer stays in the stack, which can be deleted once the protection is lowered."""
    wrong = resource("S3::BucketPolicy", after="Balancer", Bucket="none", PolicyDocument={"Statement": []})
    proposed = aws.propose("half", {**protected_balancer(), "Wrong": wrong}, kind="CREATE")
    assert aws.execute(proposed)["StackStatus"] == "ROLLBACK_FAILED"
    left = aws.client("cloudformation").describe_stack_resources(StackName="half")["StackResources"]
    balancer = next(item for item in left if item["LogicalResourceId"] == "Balancer")
    assert balancer["ResourceStatus"] == "DELETE_FAILED"
    aws.client("elbv2").modify_load_balancer_attributes(
        LoadBalancerArn=balancer["PhysicalResourceId"],
        Attributes=[{"Key": "deletion_protection.enabled", "Value": "false"}],
    )
    aws.delete("half")
    assert (
        aws.client("ec2").describe_security_groups(
            Filters=[{"Name": "tag:aws:cloudformation:stack-name", "Values": ["half"]}]
        )["SecurityGroups"]
        == []
    )


def test_deletion_of_a_bucket_with_objects(aws: Aws) -> None:
    aws.create("bucket", {"Bucket": resource("S3::Bucket", BucketName="full-bucket")})
    aws.client("s3").put_object(Bucket="full-bucket", Key="x", Body=b"x")
    assert "The bucket you tried to delete is not empty" in undeletable(aws, "bucket")
    aws.client("s3").delete_object(Bucket="full-bucket", Key="x")
    aws.delete("bucket")


def test_deletion_of_a_repository_with_images(aws: Aws) -> None:
    repository = resource("ECR::Repository", RepositoryName="full")
    aws.create("repository", {"Repository": repository})
    ecr = aws.client("ecr")
    image = ecr.put_image(repositoryName="full", imageTag="a", imageManifest=MANIFEST)["image"]["imageId"]
    assert (
        "is not empty" in undeletable(aws, "repository") or "contains images" in aws.reasons("repository")[0]
    )
    ecr.batch_delete_image(repositoryName="full", imageIds=[image])
    aws.delete("repository")

    aws.create(
        "emptied", {"Repository": resource("ECR::Repository", RepositoryName="emptied", EmptyOnDelete=True)}
    )
    ecr.put_image(repositoryName="emptied", imageTag="a", imageManifest=MANIFEST)
    aws.delete("emptied")


def test_deletion_of_a_target_group_in_use(aws: Aws) -> None:
    aws.create("group-in-use", network(), Outputs={"Arn": {"Value": ref("BlueTargetGroup")}})
    with pytest.raises(ClientError) as refused:
        aws.client("elbv2").delete_target_group(TargetGroupArn=aws.outputs("group-in-use")["Arn"])
    assert error(refused)[0] == "ResourceInUse"


def test_deletion_of_a_security_group_in_use(aws: Aws) -> None:
    group = resource("EC2::SecurityGroup", GroupDescription="used", VpcId=VPC)
    aws.create("firewall", {"Group": group}, Outputs={"Id": {"Value": ref("Group")}})
    identifier = aws.outputs("firewall")["Id"]
    balancer = resource("ElasticLoadBalancingV2::LoadBalancer", Subnets=PUBLIC, SecurityGroups=[identifier])
    aws.create("firewall-user", {"Balancer": balancer})
    assert f"resource {identifier} has a dependent object" in undeletable(aws, "firewall")
    aws.delete("firewall-user")
    aws.delete("firewall")


def test_deletion_of_a_role_with_foreign_policies(aws: Aws) -> None:
    aws.create("foreign", {"Role": role("ecs-tasks.amazonaws.com", RoleName="foreign")})
    aws.client("iam").put_role_policy(
        RoleName="foreign",
        PolicyName="added",
        PolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
        ),
    )
    assert "Cannot delete entity, must delete policies first." in undeletable(aws, "foreign")
    aws.client("iam").delete_role_policy(RoleName="foreign", PolicyName="added")
    attached = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
    aws.client("iam").attach_role_policy(RoleName="foreign", PolicyArn=attached)
    undeletable(aws, "foreign")
    assert "Cannot delete entity, must detach all policies first." in aws.reasons("foreign")[-2]
    aws.client("iam").detach_role_policy(RoleName="foreign", PolicyArn=attached)
    aws.delete("foreign")


def test_deletion_of_a_cluster_with_services(aws: Aws) -> None:
    tenant = blue_green_service("occupied", "api", "occupied")
    aws.create("occupied-cluster", {"Cluster": tenant.pop("Cluster")})
    tenant["Service"]["DependsOn"].remove("Cluster")
    aws.create("occupied", tenant)
    assert "The Cluster cannot be deleted while Services are active." in undeletable(aws, "occupied-cluster")
    with pytest.raises(ClientError) as refused:
        aws.client("ecs").delete_cluster(cluster="occupied")
    assert error(refused)[0] == "ClusterContainsServicesException"


def test_deletion_of_a_service_that_runs_tasks(aws: Aws) -> None:
    aws.create("running", blue_green_service("running", "api", "running"))
    ecs = aws.client("ecs")
    with pytest.raises(ClientError) as refused:
        ecs.delete_service(cluster="running", service="api")
    assert error(refused)[1] == "The service cannot be stopped while it is scaled above 0."
    ecs.update_service(cluster="running", service="api", desiredCount=0)
    assert ecs.delete_service(cluster="running", service="api")["service"]["status"] in (
        "DRAINING",
        "INACTIVE",
    )
    # CloudFormation does not mind that it is gone.
    aws.delete("running")


# Load balancing


def test_listener_on_a_port_in_use(aws: Aws) -> None:
    resources = {**network(), "Another": {**listener(80, "GreenTargetGroup"), "DependsOn": "Listener"}}
    assert "A listener already exists on this port for this load balancer" in aws.refused(
        "same-port", resources
    )


def test_target_group_of_another_load_balancer(aws: Aws) -> None:
    aws.create("first-balancer", network(), Outputs={"Arn": {"Value": ref("BlueTargetGroup")}})
    resources = network()
    action = {"Type": "forward", "TargetGroupArn": aws.outputs("first-balancer")["Arn"]}
    resources["Listener"]["Properties"]["DefaultActions"] = [action]
    assert "more than one load balancer" in aws.refused("second-balancer", resources)


def test_rule_of_a_priority_in_use(aws: Aws) -> None:
    rules = {"First": rule("/a/*", "BlueTargetGroup")}
    aws.create("one-priority", {**network(), **rules}, Outputs=values(Arn=ref("Listener")))
    second = {"Second": rule("/b/*", "GreenTargetGroup")}
    assert aws.update("one-priority", {**network(), **rules, **second})["StackStatus"] == (
        "UPDATE_ROLLBACK_COMPLETE"
    )
    assert any("Priority '10' is currently in use" in reason for reason in aws.reasons("one-priority"))
    with pytest.raises(ClientError) as refused:
        aws.client("elbv2").create_rule(
            ListenerArn=aws.outputs("one-priority")["Arn"],
            Priority=10,
            Conditions=[{"Field": "path-pattern", "Values": ["/c/*"]}],
            Actions=[{"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_301"}}],
        )
    assert error(refused)[0] == "PriorityInUse"


def test_rule_of_too_many_paths(aws: Aws) -> None:
    many = rule("/a/*", "BlueTargetGroup")
    many["Properties"]["Conditions"][0] = {
        "Field": "path-pattern",
        "PathPatternConfig": {"Values": [f"/{number}" for number in range(6)]},
    }
    said = aws.refused("many-paths", {**network(), "Many": many})
    assert "A rule can only have '5' condition values" in said


def record(zone: str, name: str, kind: str = "A") -> Resources:
    value = "192.0.2.1" if kind == "A" else "other.example.com"
    properties: Any = {"HostedZoneId": zone, "Name": name, "Type": kind, "TTL": "60"}
    return {"Record": resource("Route53::RecordSet", **properties, ResourceRecords=[value])}


def test_record_that_has_no_place(aws: Aws) -> None:
    missing = aws.refused("no-zone", record("Z0NONE", "a.example.com"))
    assert "No hosted zone found with ID: Z0NONE" in missing
    made = aws.client("route53").create_hosted_zone(Name="example.com", CallerReference=fresh("zone"))
    zone = made["HostedZone"]["Id"].rpartition("/")[2]
    outside = aws.refused("outside", record(zone, "a.example.org"))
    assert "[RRSet with DNS name a.example.org. is not permitted in zone example.com.]" in outside
    aws.create("records", record(zone, "a.example.com"))
    again = aws.refused("again", record(zone, "a.example.com"))
    assert "[name='a.example.com.', type='A'] but it already exists]" in again
    conflict = aws.refused("conflict", record(zone, "a.example.com", "CNAME"))
    assert "a conflicting RRSet of type A with the same DNS name already exists" in conflict


def test_load_balancer_in_one_zone(aws: Aws) -> None:
    resources = {"Balancer": resource("ElasticLoadBalancingV2::LoadBalancer", Subnets=PUBLIC[:1])}
    assert "two different Availability Zones" in aws.refused("one-zone", resources)


def test_load_balancer_without_an_internet_gateway(aws: Aws) -> None:
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    zones = {"10.9.0.0/24": "ap-northeast-1a", "10.9.1.0/24": "ap-northeast-1c"}
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for cidr, zone in zones.items()
    ]
    balancer = resource("ElasticLoadBalancingV2::LoadBalancer", Subnets=subnets)
    assert "has no internet gateway" in aws.refused("inland", {"Balancer": balancer})
    balancer["Properties"]["Scheme"] = "internal"
    aws.create("inland-internal", {"Balancer": balancer})


def test_target_group_of_another_protocol(aws: Aws) -> None:
    """In a listener's default action, in a rule, and when the listener itself changes."""
    resources = network()
    plain = resource(
        "ElasticLoadBalancingV2::TargetGroup", VpcId=VPC, Port=80, Protocol="TCP", TargetType="ip"
    )
    action = [{"Type": "forward", "TargetGroupArn": ref("Plain")}]
    wrong = changed({**resources, "Plain": plain}, "Listener", DefaultActions=action)
    reason = aws.refused("protocol-listener", wrong)
    assert "have incompatible protocols: 'HTTP' and 'TCP'" in reason
    in_a_rule = {**resources, "Plain": plain, "Rule": rule("/x", "Plain")}
    assert "have incompatible protocols: 'HTTP' and 'TCP'" in aws.refused("protocol-rule", in_a_rule)

    elbv2 = aws.client("elbv2")
    made = aws.create("protocol", {**resources, "Plain": plain})
    described = aws.client("cloudformation").describe_stack_resources(StackName=made["StackId"])
    arns = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in described["StackResources"]}
    forward = [{"Type": "forward", "TargetGroupArn": arns["Plain"]}]
    with pytest.raises(ClientError) as refused:
        elbv2.modify_listener(ListenerArn=arns["Listener"], DefaultActions=forward)
    assert error(refused)[0] == "IncompatibleProtocols"


def test_listener_of_a_protocol_that_the_load_balancer_lacks(aws: Aws) -> None:
    wrong = changed(network(), "Listener", Protocol="TCP")
    assert "Listener protocol 'TCP' must be one of 'HTTPS, HTTP'" in aws.refused("protocol-tcp", wrong)


def test_certificate_for_a_plain_listener(aws: Aws) -> None:
    certificate = aws.client("acm").request_certificate(DomainName="example.org")["CertificateArn"]
    extra = resource(
        "ElasticLoadBalancingV2::ListenerCertificate",
        ListenerArn=ref("Listener"),
        Certificates=[{"CertificateArn": certificate}],
    )
    reason = aws.refused("plain-listener", {**network(), "Extra": extra})
    assert "Certificates can only be added to secure listeners" in reason


def test_secure_listener_without_a_certificate(aws: Aws) -> None:
    missing = "arn:aws:acm:ap-northeast-1:000000000000:certificate/00000000-0000-0000-0000-000000000000"
    for number, certificates in enumerate(([], [{"CertificateArn": missing}])):
        resources = network()
        secure = {"Port": 443, "Protocol": "HTTPS"} | ({"Certificates": certificates} if certificates else {})
        resources["Listener"]["Properties"].update(secure)
        reason = aws.refused(f"insecure-{number}", resources)
        assert "certificate" in reason.lower()
        assert "HTTPS" in reason or missing in reason


# ECS and CodeDeploy


def test_service_whose_target_group_has_no_load_balancer(aws: Aws) -> None:
    resources = blue_green_service("unattached", "api", "unattached")
    lonely = resource(
        "ElasticLoadBalancingV2::TargetGroup", VpcId=VPC, Port=80, Protocol="HTTP", TargetType="ip"
    )
    balancers = [{"ContainerName": "app", "ContainerPort": 1323, "TargetGroupArn": ref("Lonely")}]
    resources["Service"]["Properties"]["LoadBalancers"] = balancers
    reason = aws.refused("unattached", {**resources, "Lonely": lonely})
    assert "does not have an associated load balancer" in reason


def behind_blue(container: str, port: int) -> dict[str, Any]:
    target = {"ContainerName": container, "ContainerPort": port, "TargetGroupArn": ref("BlueTargetGroup")}
    return {"LoadBalancers": [target]}


def in_subnet(subnet: str) -> dict[str, Any]:
    return {"NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": [subnet]}}}


@pytest.mark.parametrize(
    ("missing", "properties", "reason"),
    [
        ("cluster", {"Cluster": "none"}, "Cluster not found."),
        ("task-definition", {"TaskDefinition": "none"}, "TaskDefinition not found."),
        ("container", behind_blue("x", 1323), "The container x does not exist in the task definition."),
        ("port", behind_blue("app", 80), "The container app did not have a container port 80 defined."),
        ("subnet", in_subnet(NO_SUBNET), f"The subnet ID '{NO_SUBNET}' does not exist"),
        ("circuit-breaker", CIRCUIT_BREAKER, "deploymentCircuitBreaker is not supported"),
    ],
)
def test_service_that_names_what_is_not_there(
    aws: Aws, missing: str, properties: dict[str, Any], reason: str
) -> None:
    resources = blue_green_service("missing", "api", "missing")
    resources["Service"]["Properties"].update(properties)
    assert reason in aws.refused(f"missing-{missing}", resources)


CODE_DEPLOY_LACKS = {
    "service-connect": ({"ServiceConnectConfiguration": {"Enabled": True}}, "Service Connect"),
    "volume": ({"VolumeConfigurations": [{"Name": "data"}]}, "Configuring an Amazon EBS volume"),
    "lattice": (
        {
            "VpcLatticeConfigurations": [
                {"RoleArn": "arn:aws:iam::1:role/x", "TargetGroupArn": "x", "PortName": "x"}
            ]
        },
        "VPC Lattice",
    ),
    "daemon": ({"SchedulingStrategy": "DAEMON", "LaunchType": "EC2"}, "The scheduling strategy DAEMON"),
}


@pytest.mark.parametrize("name", CODE_DEPLOY_LACKS)
def test_service_with_what_code_deploy_does_not_bring(aws: Aws, name: str) -> None:
    """A task set of an outside controller has no member for it."""
    properties, what = CODE_DEPLOY_LACKS[name]
    resources = blue_green_service(f"lacks-{name}", "api", f"lacks-{name}")
    resources["TaskDefinition"]["Properties"]["RequiresCompatibilities"] = ["FARGATE", "EC2"]
    resources["Service"]["Properties"].update(properties)
    reason = aws.refused(f"lacks-{name}", resources)
    assert f"{what} is not supported by the CODE_DEPLOY deployment controller." in reason


def test_service_connect_that_is_switched_off(aws: Aws) -> None:
    resources = blue_green_service("without", "api", "without")
    resources["Service"]["Properties"]["ServiceConnectConfiguration"] = {"Enabled": False}
    aws.create("without-connect", resources)


@pytest.mark.parametrize("controller", ["CODE_DEPLOY", "ECS"])
def test_service_on_capacity_providers(aws: Aws, controller: str) -> None:
    """The cluster must have them, and a launch type excludes them."""
    name = f"providers-{controller.replace('_', '-').lower()}"
    spot = [{"CapacityProvider": "FARGATE_SPOT", "Weight": 1}]
    resources = blue_green_service(name, "api", name)
    resources["Service"]["Properties"] |= {
        "CapacityProviderStrategy": spot,
        "DeploymentController": {"Type": controller},
    }
    assert "Specifying both a launch type and capacity provider strategy" in aws.refused(
        f"{name}-1", resources
    )
    del resources["Service"]["Properties"]["LaunchType"]
    assert "a capacity provider that is not associated with the cluster" in aws.refused(
        f"{name}-2", resources
    )
    resources["Cluster"]["Properties"]["CapacityProviders"] = ["FARGATE", "FARGATE_SPOT"]
    aws.create(f"{name}-3", resources)
    (found,) = aws.client("ecs").describe_services(cluster=name, services=["api"])["services"]
    assert [one["capacityProvider"] for one in found["capacityProviderStrategy"]] == ["FARGATE_SPOT"]
    assert "launchType" not in found


def test_function_whose_variables_are_too_long(aws: Aws) -> None:
    """All of them together, as JSON: names count too. The next byte is one too many."""

    def function(length: int) -> Resources:
        return {
            "Role": role("lambda.amazonaws.com"),
            "Function": resource(
                "Lambda::Function",
                Role=attribute("Role", "Arn"),
                Runtime="python3.13",
                Handler="index.handler",
                Code={"ZipFile": "pass"},
                Environment={"Variables": {"NAME": "x" * length}},
            ),
        }

    most = 4096 - len('{"NAME":""}')
    aws.create("variables", function(most))
    assert "exceeded the 4KB limit" in aws.refused("variables-too-long", function(most + 1))
    assert aws.update("variables", function(most + 1))["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"


def test_task_definition_that_fargate_does_not_offer(aws: Aws) -> None:
    for cpu, memory in (("256", "4096"), ("32768", "69632")):
        wrong = {"Definition": task_definition("odd", Cpu=cpu, Memory=memory)}
        assert (
            f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory."
            in aws.refused(f"odd-{cpu}", wrong)
        )


def waits(name: str, other: str = "", condition: str = "") -> dict[str, Any]:
    """A container that waits for another one, where one is named."""
    waits_for = [{"ContainerName": other, "Condition": condition}] if other else []
    return {"Name": name, "Image": "nginx", "Essential": name == "app", "DependsOn": waits_for}


WAITING: dict[str, tuple[list[dict[str, Any]], str]] = {
    "unknown": ([waits("app", "proxy", "START")], "app depends on proxy, which does not exist"),
    "health": (
        [waits("app", "proxy", "HEALTHY"), waits("proxy")],
        "app depends on proxy with condition HEALTHY, which has no health check",
    ),
    "essential": (
        [waits("app", "proxy", "SUCCESS"), {**waits("proxy"), "Essential": True}],
        "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container",
    ),
    "cycle": (
        [waits("app", "proxy", "START"), waits("proxy", "app", "START")],
        "Containers depend on each other: ",
    ),
}


@pytest.mark.parametrize("case", WAITING)
def test_container_that_waits_for_what_never_happens(case: str, aws: Aws) -> None:
    containers, said = WAITING[case]
    wrong = task_definition(f"waiting-{case}", ContainerDefinitions=containers)
    assert said in aws.refused(f"waiting-{case}", {"Definition": wrong})
    # As the deploy action of a pipeline registers it.
    with pytest.raises(ClientError, match=re.escape(said)) as caught:
        aws.client("ecs").register_task_definition(
            family=f"waiting-{case}",
            containerDefinitions=[
                {
                    "name": one["Name"],
                    "image": one["Image"],
                    "essential": one["Essential"],
                    "dependsOn": [
                        {"containerName": other["ContainerName"], "condition": other["Condition"]}
                        for other in one["DependsOn"]
                    ],
                }
                for one in containers
            ],
        )
    assert caught.value.response["Error"]["Code"] == "ClientException"


def test_update_of_a_code_deploy_service_through_its_api(aws: Aws) -> None:
    aws.create("frozen-api", blue_green_service("frozen-api", "api", "frozen-api"))
    ecs = aws.client("ecs")
    target = {"cluster": "frozen-api", "service": "api"}
    ecs.register_task_definition(
        family="frozen-api",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[{"name": "app", "image": "nginx", "portMappings": [{"containerPort": 1323}]}],
    )
    network_configuration = {"awsvpcConfiguration": {"subnets": PRIVATE[:1]}}
    for change, what in (
        ({"taskDefinition": "frozen-api:2"}, "task definition"),
        ({"networkConfiguration": network_configuration}, "network parameters"),
        ({"platformVersion": "1.3.0"}, "platform version"),
        ({"loadBalancers": []}, "load balancers"),
    ):
        with pytest.raises(ClientError) as refused:
            ecs.update_service(**target, **change)
        code, message = error(refused)
        assert code == "InvalidParameterException"
        assert message.startswith(
            f"Unable to update {what} on services with a CODE_DEPLOY deployment controller."
        )
    ecs.update_service(**target, desiredCount=3, healthCheckGracePeriodSeconds=90, propagateTags="SERVICE")
    found = ecs.describe_services(cluster="frozen-api", services=["api"])["services"][0]
    assert (found["desiredCount"], found["runningCount"], found["healthCheckGracePeriodSeconds"]) == (
        3,
        3,
        90,
    )


@pytest.mark.parametrize(
    "properties",
    [
        {"HealthCheckGracePeriodSeconds": 90},
        {"TaskDefinition": "frozen-stack:1"},
        {"Tags": [{"Key": "a", "Value": "b"}]},
    ],
    ids=["grace", "task-definition", "tags"],
)
def test_update_of_a_code_deploy_service_through_its_stack(aws: Aws, properties: dict[str, Any]) -> None:
    """CloudFormation sends every property, and ECS takes the task definition for a change."""
    resources = blue_green_service("frozen-stack", "api", "frozen-stack")
    stacks = aws.client("cloudformation").describe_stacks()["Stacks"]
    if "frozen-stack" not in [stack["StackName"] for stack in stacks]:
        aws.create("frozen-stack", resources)
    resources["Service"]["Properties"].update(properties)
    assert aws.update("frozen-stack", resources)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    failed = "Unable to update task definition on services with a CODE_DEPLOY deployment controller."
    assert any(failed in reason for reason in aws.reasons("frozen-stack"))


def test_second_deployment_group_of_a_service(aws: Aws) -> None:
    group = deployment_group("shared", "api")
    again = {
        "Second": {**group["DeploymentGroup"], "DependsOn": "DeploymentGroup"},
    }
    resources = {**blue_green_service("shared", "api", "shared"), **group, **again}
    assert "already is in another deployment group" in aws.refused("shared-service", resources)


def test_deployment_of_what_is_no_revision(aws: Aws) -> None:
    _, request = released(aws, "revisionless")
    codedeploy = aws.client("codedeploy")
    unknown = {"sha256": "0" * 64}
    for content, code in (
        ({"content": "version: 0.0"}, "InvalidRevisionException"),
        ({"content": "["}, "InvalidRevisionException"),
        (unknown, "RevisionDoesNotExistException"),
    ):
        revision = {"revisionType": "AppSpecContent", "appSpecContent": content}
        with pytest.raises(ClientError) as refused:
            codedeploy.create_deployment(**{**request, "revision": revision})
        assert error(refused)[0] == code


def test_deployment_of_a_deleted_application(aws: Aws) -> None:
    _, request = released(aws, "forgotten")
    codedeploy = aws.client("codedeploy")
    gone = codedeploy.create_deployment(**request)["deploymentId"]
    _, other = released(aws, "remembered")
    kept = codedeploy.create_deployment(**other)["deploymentId"]
    codedeploy.delete_application(applicationName=request["applicationName"])
    with pytest.raises(ClientError) as refused:
        codedeploy.get_deployment(deploymentId=gone)
    assert error(refused)[0] == "DeploymentDoesNotExistException"
    listed = codedeploy.list_deployments()["deployments"]
    assert kept in listed
    assert gone not in listed


def test_deployment_while_another_runs(aws: Aws) -> None:
    _, request = released(aws, "busy")
    codedeploy = aws.client("codedeploy")
    running = codedeploy.create_deployment(**request)["deploymentId"]
    with pytest.raises(ClientError) as refused:
        codedeploy.create_deployment(**request)
    code, message = error(refused)
    assert code == "DeploymentLimitExceededException"
    assert message.endswith(f"already has an active Deployment '{running}'")


def test_deployment_while_an_alarm_is_active(aws: Aws) -> None:
    """It is stopped at once: also the deployment that would repair what the alarm tells of."""
    aws.client("cloudwatch").put_metric_alarm(
        AlarmName="ringing",
        Namespace="x",
        MetricName="y",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    aws.client("cloudwatch").set_alarm_state(AlarmName="ringing", StateValue="ALARM", StateReason="test")
    alarms = {"Enabled": True, "Alarms": [{"Name": "ringing"}]}
    _, request = released(aws, "alarmed", AlarmConfiguration=alarms)
    codedeploy = aws.client("codedeploy")
    started = codedeploy.create_deployment(**request)["deploymentId"]
    found = codedeploy.get_deployment(deploymentId=started)["deploymentInfo"]
    assert (found["status"], found["errorInformation"]["code"]) == ("Stopped", "ALARM_ACTIVE")
    time.sleep(0.1)
    service_now = aws.client("ecs").describe_services(cluster="alarmed", services=["api"])["services"][0]
    assert [item["status"] for item in service_now["taskSets"]] == ["PRIMARY"]


def test_image_that_is_not_there(aws: Aws) -> None:
    aws.create("images", {"Repository": resource("ECR::Repository", RepositoryName="images")})
    ecr = aws.client("ecr")
    with pytest.raises(ClientError) as refused:
        ecr.describe_images(repositoryName="images", imageIds=[{"imageTag": "missing"}])
    assert error(refused)[0] == "ImageNotFoundException"
    # The placeholder: nobody has pushed it, and the repository stays empty.
    found = ecr.describe_images(repositoryName="images", imageIds=[{"imageTag": "initial"}])["imageDetails"]
    assert found[0]["imageTags"] == ["initial"]
    assert ecr.list_images(repositoryName="images")["imageIds"] == []


def test_image_that_is_not_what_it_says(aws: Aws) -> None:
    aws.create("digests", {"Repository": resource("ECR::Repository", RepositoryName="digests")})
    ecr = aws.client("ecr")
    with pytest.raises(ClientError) as refused:
        ecr.put_image(repositoryName="digests", imageTag="a", imageManifest="no manifest")
    assert error(refused)[0] == "InvalidParameterException"
    with pytest.raises(ClientError) as refused:
        ecr.put_image(repositoryName="digests", imageManifest=MANIFEST, imageDigest=f"sha256:{'1' * 64}")
    assert error(refused)[0] == "ImageDigestDoesNotMatchException"
    untyped = {"repositoryName": "digests", "imageManifest": '{"schemaVersion": 2}'}
    with pytest.raises(ClientError) as refused:
        ecr.put_image(**untyped)
    assert error(refused)[0] == "InvalidParameterException"
    assert ecr.put_image(**untyped, imageManifestMediaType=json.loads(MANIFEST)["mediaType"])


def test_image_that_is_there_already(aws: Aws) -> None:
    for mutability in ("IMMUTABLE", "MUTABLE"):
        name = f"twice-{mutability.lower()}"
        repository = resource("ECR::Repository", RepositoryName=name, ImageTagMutability=mutability)
        aws.create(name, {"Repository": repository})
        push = {"repositoryName": name, "imageTag": "a", "imageManifest": MANIFEST}
        ecr = aws.client("ecr")
        ecr.put_image(**push)
        with pytest.raises(ClientError) as refused:
            ecr.put_image(**push)
        assert error(refused)[0] == "ImageAlreadyExistsException"
        assert ecr.put_image(**{**push, "imageTag": "b"})


def test_image_tag_that_exists_and_is_immutable(aws: Aws) -> None:
    repository = resource("ECR::Repository", RepositoryName="immutable", ImageTagMutability="IMMUTABLE")
    aws.create("immutable", {"Repository": repository})
    ecr = aws.client("ecr")
    ecr.put_image(repositoryName="immutable", imageTag="a", imageManifest=MANIFEST)
    with pytest.raises(ClientError) as refused:
        ecr.put_image(repositoryName="immutable", imageTag="a", imageManifest=MANIFEST + " ")
    assert error(refused)[0] == "ImageTagAlreadyExistsException"
