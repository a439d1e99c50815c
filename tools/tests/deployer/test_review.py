"""`deploy.py review` as a person or a workflow runs it, on a repository of its own."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from ecs_blue_green.deployer import command_line, configurations, layers
from ecs_blue_green.deployer.comment import LIMIT
from ecs_blue_green.deployer.review.markdown import MARKER
from tests.paths import SCHEMAS

Json = dict[str, Any]
SCHEMA = json.loads((SCHEMAS / "review.json").read_text())
DECIDED_AT_DEPLOY = ["listener-live", "release-running", "foreign-stack", "other-repository"]


class Checkout:
    """A git repository with the project's `build/` and `params/`, committed once."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self._capsys = capsys
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit()

    def git(self, *arguments: str) -> str:
        """What git prints."""
        author = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
        command = ["git", "-C", str(self.root), *author, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def commit(self) -> None:
        """Commit all that is on disk."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "x")

    def template(self, slug: str, edit: Callable[[Json], Any]) -> None:
        """Change a template, as a pull request would."""
        path = self.root / "build" / f"{slug}.yaml"
        document = json.loads(json.dumps(layers.parse(path.read_text())))
        edit(document)
        path.write_text(json.dumps(document))

    def properties(self, slug: str, logical_id: str, **properties: Any) -> None:
        """Set properties of one resource; None takes one away."""

        def edit(document: Json) -> None:
            resource = document["Resources"][logical_id]["Properties"]
            for name, value in properties.items():
                resource.pop(name, None)
                if value is not None:
                    resource[name] = value

        self.template(slug, edit)

    def said(self, edit: Callable[[Json], Any]) -> None:
        """Change what the layers say of themselves."""
        path = self.root / "build" / "runtime.json"
        document = json.loads(path.read_text())
        edit(document)
        path.write_text(json.dumps(document))

    def params(self, name: str, **changes: Any) -> None:
        """Change a parameter file's keys, or below `parameters` where it is a parameter's name."""
        path = self.root / "params" / f"{name}.yaml"
        document = yaml.load(path.read_text(), Loader=yaml.BaseLoader)  # noqa: S506
        for key, value in changes.items():
            (document["parameters"] if key[0].isupper() else document)[key] = value
        path.write_text(yaml.safe_dump(document))

    def review(self, *arguments: str) -> Json:
        """The review's document, which is what docs/schemas/review.json says."""
        code = command_line.main(["review", "--base", "HEAD", "--json", *arguments], self.root)
        document: Json = json.loads(self._capsys.readouterr().out)
        jsonschema.Draft202012Validator(SCHEMA).validate(document)
        assert document["exit_code"] == code
        return document

    def talk(self, *arguments: str) -> tuple[int, str]:
        """The exit code and what is printed."""
        code = command_line.main(["review", "--base", "HEAD", *arguments], self.root)
        return code, self._capsys.readouterr().out


@pytest.fixture
def checkout(project: Path, capsys: pytest.CaptureFixture[str]) -> Checkout:
    return Checkout(project, capsys)


def environment(document: Json, name: str = "prod") -> Json:
    (found,) = [e for e in document["environments"] if e["name"] == name]
    return dict(found)


def resources(document: Json, layer: str, name: str = "prod") -> dict[str, Json]:
    for found in environment(document, name)["layers"]:
        if found["layer"] == layer:
            return {resource["logical_id"]: resource for resource in found["resources"]}
    return {}


def rules(document: Json, name: str = "prod") -> set[tuple[str, str, str]]:
    return {(f["rule"], f["layer"], f["resource"]) for f in environment(document, name)["findings"]}


def words(document: Json, layer: str, resource: str) -> list[str]:
    return [
        access["words"]
        for access in environment(document)["access"]
        if (access["layer"], access["resource"]) == (layer, resource)
    ]


def test_nothing_changed_is_exit_code_0(checkout: Checkout) -> None:
    document = checkout.review()
    assert document["exit_code"] == 0
    assert [(e["name"], e["layers"]) for e in document["environments"]] == [
        ("dev", []),
        ("local", []),
        ("prod", []),
    ]
    assert document["checked_at_deploy"] == DECIDED_AT_DEPLOY
    assert "nothing changes" in checkout.talk()[1]


def test_other_words_for_the_same_template_are_nothing(checkout: Checkout) -> None:
    checkout.template("infrastructure", lambda document: document.update(Description="other words"))
    assert checkout.review()["exit_code"] == 0


def test_update_in_place_is_exit_code_4_in_every_environment(checkout: Checkout) -> None:
    checkout.properties("infrastructure", "Cluster", ClusterSettings=None)
    document = checkout.review()
    assert document["exit_code"] == 4
    for name in ("dev", "local", "prod"):
        assert resources(document, "infrastructure", name)["Cluster"]["outcome"] == "in place"
        assert environment(document, name)["findings"] == []


def test_parameter_of_one_environment_changes_that_one(checkout: Checkout) -> None:
    checkout.params("prod", MaxCapacity="9")
    document = checkout.review()
    assert environment(document, "dev")["layers"] == []
    (layer,) = environment(document)["layers"]
    assert (layer["layer"], layer["by"]) == ("service-preference", "deploy")
    assert layer["parameters"] == [{"name": "MaxCapacity", "before": "6", "after": "9"}]
    (target,) = layer["resources"]
    (change,) = target["properties"]
    assert (change["path"], change["before"], change["after"]) == ("/Properties/MaxCapacity", "6", "9")


def test_replacement_is_blocked_and_followed_into_other_stacks(checkout: Checkout) -> None:
    checkout.properties("infrastructure", "GreenTargetGroup", Port=18080)
    document = checkout.review()
    assert document["exit_code"] == 3
    assert resources(document, "infrastructure")["GreenTargetGroup"]["outcome"] == "replaced"
    assert resources(document, "infrastructure")["TestListener"]["outcome"] == "in place"
    assert resources(document, "pipeline")["CodeDeployDeploymentGroup"]["outcome"] == "in place"
    found = rules(document)
    assert ("replacement", "infrastructure", "GreenTargetGroup") in found
    assert ("export-in-use", "infrastructure", "") in found
    assert ("stack-policy", "infrastructure", "TestListener") in found
    assert not any(resource == "BlueTargetGroup" for _, _, resource in found)


def test_removal_is_blocked(checkout: Checkout) -> None:
    checkout.template("pipeline", lambda document: document["Resources"].pop("LoadBalancerFiveXxRateAlarm"))
    checkout.template(
        "pipeline",
        lambda document: document["Resources"]["CodeDeployDeploymentGroup"]["Properties"].pop(
            "AlarmConfiguration"
        ),
    )
    assert ("replacement", "pipeline", "LoadBalancerFiveXxRateAlarm") in rules(checkout.review())


def test_service_is_frozen(checkout: Checkout) -> None:
    checkout.properties("service", "Service", PlatformVersion="1.4.0")
    document = checkout.review()
    assert resources(document, "service")["Service"]["outcome"] == "refused"
    assert ("service-frozen", "service", "Service") in rules(document)


def test_export_that_another_layer_imports_is_blocked_even_when_the_import_goes_too(
    checkout: Checkout,
) -> None:
    """The importing stack is deployed later, so its import is still there when the export would go."""

    def use_a_literal(document: Json) -> None:
        text = json.dumps(document)
        found = text.replace(
            '{"Fn::ImportValue": {"Fn::Sub": "${InfrastructureStackName}-TestListenerArn"}}', '"arn"'
        )
        assert found != text
        document.clear()
        document.update(json.loads(found))

    checkout.template("infrastructure", lambda document: document["Outputs"].pop("TestListenerArn"))
    checkout.template("pipeline", use_a_literal)
    document = checkout.review()
    assert ("export-in-use", "infrastructure", "") in rules(document)
    checkout.commit()
    # Nobody imports the repository's ARN any more once that is taken away first: the second step is free.
    assert checkout.review()["exit_code"] == 0


def test_export_that_nobody_imports_may_go(checkout: Checkout) -> None:
    checkout.template(
        "infrastructure",
        lambda document: document["Outputs"].update(
            Spare={"Value": "x", "Export": {"Name": {"Fn::Sub": "${AWS::StackName}-Spare"}}}
        ),
    )
    checkout.commit()
    checkout.template("infrastructure", lambda document: document["Outputs"].pop("Spare"))
    document = checkout.review()
    assert document["exit_code"] == 4
    (layer,) = environment(document)["layers"]
    assert [(e["output"], e["action"], e["importers"]) for e in layer["exports"]] == [("Spare", "remove", [])]


def test_listener_is_denied_by_the_deployed_stack_policy(checkout: Checkout) -> None:
    checkout.properties("infrastructure", "TestListener", Port=9443)
    document = checkout.review()
    assert rules(document) == {("stack-policy", "infrastructure", "TestListener")}
    notes = resources(document, "infrastructure")["TestListener"]["notes"]
    assert any("traffic goes back to blue" in note for note in notes)


def test_task_definition_is_released_and_blocks_nothing(checkout: Checkout) -> None:
    checkout.params("prod", HealthRate="0.9")
    config = checkout.root / "build" / "config" / "prod" / "task-definition.json"
    config.write_text(config.read_text().replace('"HealthRate": "1.0"', '"HealthRate": "0.9"'))
    document = checkout.review()
    assert document["exit_code"] == 4
    found = environment(document)
    (layer,) = found["layers"]
    assert (layer["layer"], layer["by"]) == ("task-definition", "pipeline")
    assert layer["resources"][0]["outcome"] == "released"
    assert found["configuration"] == [{"name": "Parameters.HealthRate", "before": "1.0", "after": "0.9"}]
    assert found["release"] == {"branch": "main", "files": ["build/config/prod/task-definition.json"]}
    assert environment(document, "dev")["release"] is None


def test_parameter_that_a_release_brings_is_said_to_move_with_it(checkout: Checkout) -> None:
    """The pipeline's stack gets it, and the service's keeps its own."""
    checkout.params("prod", PlatformVersion="1.4.0")
    document = checkout.review()
    found = environment(document)
    assert [layer["layer"] for layer in found["layers"] if layer["action"] != "nothing"] == ["pipeline"]
    assert (found["findings"], document["exit_code"]) == ([], 4)
    assert found["moves_with_next_release"] == [
        {"name": "PlatformVersion", "before": "LATEST", "after": "1.4.0"}
    ]
    said = "PlatformVersion moves with the next release, the stack of the service stays"
    for form in ([], ["--markdown"]):
        assert said in " ".join(checkout.talk(*form)[1].split())


def test_renamed_logical_id_is_recognised(checkout: Checkout) -> None:
    def rename(document: Json) -> None:
        text = json.dumps(document).replace("VerifyLogGroup", "CheckLogGroup")
        document.update(json.loads(text))

    checkout.template("pipeline", rename)
    found = resources(checkout.review(), "pipeline")
    assert (found["CheckLogGroup"]["outcome"], found["CheckLogGroup"]["renamed"]) == (
        "added",
        "VerifyLogGroup",
    )
    assert (found["VerifyLogGroup"]["outcome"], found["VerifyLogGroup"]["renamed"]) == (
        "removed",
        "CheckLogGroup",
    )
    assert "was VerifyLogGroup" in checkout.talk()[1]


def test_stack_tag_modifies_every_resource_but_those_that_releases_move(checkout: Checkout) -> None:
    checkout.params("prod", tags={"team": "shop"})
    document = checkout.review()
    assert resources(document, "container-repository")["Repository"]["properties"] == [
        {
            "path": "/Tags/team",
            "before": "platform",
            "after": "shop",
            "difference": None,
            "requires_recreation": "Never",
            "because": None,
            "certain": True,
        }
    ]
    assert rules(document) == set()
    assert {layer["layer"] for layer in environment(document)["layers"]}.isdisjoint(
        {"infrastructure", "service"}
    )
    # One line for all that get the tag, and nothing more of those that get nothing else.
    text = checkout.talk()[1]
    tagged = [
        resource
        for layer in environment(document)["layers"]
        for resource in layer["resources"]
        if resource["properties"]
    ]
    assert f"  tags: team, on {len(tagged)} resources\n      team: platform -> shop\n" in text
    assert "Repository" not in text and "VerifyRole" not in text
    assert "pipeline, not by infrastructure, service: kept as they were made" in text


def test_code_is_shown_as_the_lines_that_differ(checkout: Checkout) -> None:
    path = checkout.root / "build" / "pipeline.yaml"
    before = path.read_text()
    path.write_text(before.replace("generate.py --check", "generate.py --check --quiet"))
    differs = ["-      - .venv/bin/python generate.py --check"]
    differs.append(f"+{differs[0][1:]} --quiet")
    (told,) = resources(checkout.review(), "pipeline")["VerifyProject"]["properties"]
    assert [line for line in told["difference"] if line[0] in "-+"] == differs
    text, comment = checkout.talk()[1], checkout.talk("--markdown")[1]
    for line in differs:
        assert f"          {line}\n" in text
        # In a block of diff a line is coloured by its first character.
        assert f"\n{line[0]}        {line[1:]}\n" in comment


def test_long_difference_is_whole(checkout: Checkout) -> None:
    checkout.properties("pipeline", "VerifyProject", Description="\n".join(f"line {n}" for n in range(40)))
    text = checkout.talk()[1]
    assert all(f"+line {n}\n" in text for n in range(40))


# Access.


def statement(**elements: Any) -> Json:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **elements}]}


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        (
            {"Action": ["s3:Get*"], "Resource": ["*"]},
            {"Action": ["s3:GetObject", "s3:PutObject"], "Resource": ["*"]},
            ["may now do s3:PutObject on anything"],
        ),
        (
            {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::a/*"},
            {"Action": "s3:GetObject", "Resource": "*"},
            ["may now do s3:GetObject on anything"],
        ),
        (
            {"Action": "iam:PassRole", "Resource": "r", "Condition": {"Bool": {"x": "true"}}},
            {"Action": "iam:PassRole", "Resource": "r"},
            ["may now do iam:PassRole on r"],
        ),
        ({"Action": "s3:*", "Resource": "*"}, {"Action": "s3:GetObject", "Resource": "b"}, []),
        ({"Action": "a:b", "Resource": ["1", "2"]}, {"Action": ["a:b"], "Resource": ["2", "1"]}, []),
        (
            {"Action": "s3:GetObject", "Resource": "*"},
            {"NotAction": "iam:*", "Resource": "*"},
            ["may now do everything except iam:* on anything"],
        ),
        (
            {"Effect": "Deny", "Action": "s3:*", "Resource": "*"},
            {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*"},
            ["is no longer denied s3:* on anything"],
        ),
    ],
)
def test_statements_that_are_added_or_broadened_are_told(
    checkout: Checkout, before: Json, after: Json, wanted: list[str]
) -> None:
    def policies(elements: Json) -> list[Json]:
        return [{"PolicyName": "x", "PolicyDocument": statement(**elements)}]

    checkout.properties("infrastructure", "TaskRole", Policies=policies(before))
    checkout.commit()
    checkout.properties("infrastructure", "TaskRole", Policies=policies(after))
    assert words(checkout.review(), "infrastructure", "TaskRole") == wanted


def test_principals_and_managed_policies_are_told(checkout: Checkout) -> None:
    checkout.properties(
        "infrastructure",
        "TaskRole",
        AssumeRolePolicyDocument=statement(Action="sts:AssumeRole", Principal={"AWS": "*"}),
        ManagedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"],
    )
    found = words(checkout.review(), "infrastructure", "TaskRole")
    assert found == [
        "can now be assumed by anyone",
        "has the managed policy arn:aws:iam::aws:policy/AdministratorAccess",
    ]


def test_deletion_policy_that_no_longer_keeps_is_an_effect(checkout: Checkout) -> None:
    checkout.template(
        "task-definition",
        lambda document: document["Resources"]["LogGroup"].update(DeletionPolicy="Delete"),
    )
    found = resources(checkout.review(), "task-definition")["LogGroup"]
    assert found["outcome"] == "in place"
    assert found["notes"] == [
        "when it leaves the stack, or the stack is deleted, it is deleted from now on, with its data"
    ]
    assert "in place: LogGroup" in checkout.talk()[1]


def test_variables_are_told_by_name(checkout: Checkout) -> None:
    """One that is put before another one, which changes, too."""

    def edit(document: Json) -> None:
        (container,) = document["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"]
        container["Environment"] = [{"Name": "A", "Value": "1"}, {"Name": "HEALTH_RATE", "Value": "0.9"}]

    checkout.template("task-definition", edit)
    lines = checkout.talk()[1].splitlines()
    for told in ("HEALTH_RATE/Value: 1.0 -> 0.9", "A: (none) -> {"):
        assert any(f"ContainerDefinitions/sample-api/Environment/{told}" in line for line in lines), lines


def test_outputs_alone_are_a_change(checkout: Checkout) -> None:
    checkout.template("service", lambda document: document["Outputs"].update(Plain={"Value": "x"}))
    document = checkout.review()
    assert document["exit_code"] == 4
    (layer,) = environment(document)["layers"]
    assert [(o["name"], o["action"]) for o in layer["outputs"]] == [("Plain", "add")]
    assert "output Plain is new" in checkout.talk()[1]


def test_bucket_policy_without_its_denial_is_told(checkout: Checkout) -> None:
    checkout.properties("pipeline", "ArtifactBucketPolicy", PolicyDocument=statement(
        Action="s3:GetObject", Resource="*", Principal="*"
    ))  # fmt: skip
    found = words(checkout.review(), "pipeline", "ArtifactBucketPolicy")
    assert found[0] == "now lets anyone do s3:GetObject on anything"
    assert found[1].startswith("no longer denies anyone s3:*")


def test_ports_and_ranges_that_open_are_told(checkout: Checkout) -> None:
    checkout.params("prod", TestListenerCidr="203.0.113.0/24")
    document = checkout.review()
    group = "LoadBalancerSecurityGroup"
    assert words(document, "infrastructure", group) == ["lets in tcp 9002 from 203.0.113.0/24"]
    checkout.commit()
    # Narrower: nothing opens.
    checkout.params("prod", TestListenerCidr="203.0.113.0/25")
    assert words(checkout.review(), "infrastructure", group) == []
    checkout.commit()
    checkout.params("prod", LoadBalancerCidr="10.0.0.0/8")
    assert words(checkout.review(), "infrastructure", group) == []
    checkout.commit()
    checkout.params("prod", LoadBalancerPrefixListId="pl-0123456789abcdef0")
    assert words(checkout.review(), "infrastructure", group) == [
        f"lets in tcp {port} from pl-0123456789abcdef0" for port in (80, 443)
    ]
    checkout.commit()
    checkout.params("prod", LoadBalancerPrefixListId="", LoadBalancerCidr="0.0.0.0/0")
    assert words(checkout.review(), "infrastructure", group) == [
        f"lets in tcp {port} from anywhere (0.0.0.0/0)" for port in (80, 443)
    ]
    checkout.commit()
    checkout.properties("infrastructure", "ServiceSecurityGroup", SecurityGroupEgress=None)
    assert words(checkout.review(), "infrastructure", "ServiceSecurityGroup") == [
        "lets out every port to anywhere (0.0.0.0/0)"
    ]


def test_protection_that_goes_is_told(checkout: Checkout) -> None:
    checkout.template("service", lambda document: document.pop("Metadata"))
    (checkout.root / "build" / "service.stack-policy.json").unlink()
    checkout.said(lambda document: document["layers"]["service"].pop("stack_policy"))
    document = checkout.review()
    assert document["exit_code"] == 4
    assert words(document, "service", "Service") == ["is no longer protected by the stack policy"]


# What a push needs.


def more_rights(checkout: Checkout, layer: str, role: str, action: str) -> None:
    policy = {"PolicyName": "more", "PolicyDocument": statement(Action=action, Resource="*")}

    def edit(document: Json) -> None:
        properties = document["Resources"][role]["Properties"]
        had = properties.get("Policies")
        properties["Policies"] = [*had, policy] if isinstance(had, list) else [policy]

    checkout.template(layer, edit)


def released(checkout: Checkout) -> None:
    """A change that a push releases."""
    checkout.properties("task-definition", "TaskDefinition", Cpu="512", Memory="1024")


def needs(document: Json, name: str = "prod") -> list[tuple[str, str]]:
    return [(need["layer"], need["reason"]) for need in environment(document, name)["needs"]]


def test_import_of_what_is_new_needs_its_layer_first(checkout: Checkout) -> None:
    checkout.template(
        "infrastructure",
        lambda document: document["Outputs"].update(
            QueueUrl={"Value": "q", "Export": {"Name": {"Fn::Sub": "${AWS::StackName}-QueueUrl"}}},
            Unused={"Value": "q", "Export": {"Name": {"Fn::Sub": "${AWS::StackName}-Unused"}}},
        ),
    )
    queue = {"Fn::ImportValue": {"Fn::Sub": "${InfrastructureStackName}-QueueUrl"}}
    variable = {"Name": "QUEUE_URL", "Value": queue}

    def use(document: Json) -> None:
        (container,) = document["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"]
        container["Environment"].append(variable)

    checkout.template("task-definition", use)
    document = checkout.review()
    assert environment(document)["release"]["files"] == ["build/task-definition.yaml"]
    assert needs(document) == [("infrastructure", "task-definition imports QueueUrl, which is new")]
    said = "`make deploy` of infrastructure comes before that push, or the release fails: task-definition"
    assert said in checkout.talk()[1]
    assert said in checkout.talk("--markdown")[1]


@pytest.mark.parametrize(
    ("layer", "role"),
    [
        ("infrastructure", "TaskRole"),
        ("infrastructure", "TaskExecutionRole"),
        ("infrastructure", "TaskDefinitionStackRole"),
        ("pipeline", "DeployActionRole"),
    ],
)
def test_rights_of_a_role_that_a_release_works_with_are_needed_first(
    checkout: Checkout, layer: str, role: str
) -> None:
    more_rights(checkout, layer, role, "sqs:SendMessage")
    # Without a release nothing needs them.
    assert needs(checkout.review()) == []
    released(checkout)
    assert needs(checkout.review()) == [(layer, f"{role} may now do sqs:SendMessage on anything")]


def test_policy_beside_the_role_counts_as_the_role_s(checkout: Checkout) -> None:
    policy = {
        "Type": "AWS::IAM::RolePolicy",
        "Properties": {
            "RoleName": {"Ref": "TaskRole"},
            "PolicyName": "more",
            "PolicyDocument": statement(Action="sqs:SendMessage", Resource="*"),
        },
    }
    checkout.template("infrastructure", lambda document: document["Resources"].update(More=policy))
    released(checkout)
    assert needs(checkout.review()) == [("infrastructure", "More may now do sqs:SendMessage on anything")]


def test_what_no_release_works_with_is_not_needed_first(checkout: Checkout) -> None:
    more_rights(checkout, "service-preference", "SmokeTestRole", "sqs:SendMessage")
    checkout.properties("infrastructure", "Cluster", ClusterSettings=None)
    checkout.params("prod", TestListenerCidr="203.0.113.0/24")
    released(checkout)
    assert needs(checkout.review()) == []


# Environments and revisions.


def test_setting_of_the_file_is_told(checkout: Checkout) -> None:
    checkout.params("prod", protected="false")
    settings = environment(checkout.review())["settings"]
    assert settings == [{"name": "protected", "before": "true", "after": "false"}]


def test_new_and_removed_environment(checkout: Checkout) -> None:
    (checkout.root / "params" / "dev.yaml").rename(checkout.root / "params" / "test.yaml")
    document = checkout.review()
    assert document["exit_code"] == 4
    assert environment(document, "dev")["notes"] == [
        "its parameter file is removed, but its stacks remain: destroy them first (make destroy)"
    ]
    assert {layer["action"] for layer in environment(document, "test")["layers"]} == {"create"}
    assert environment(document, "test")["findings"] == []


def made_of_dev(checkout: Checkout, **changes: Any) -> None:
    """Add an environment as people do: a copy of another's file with some other values."""
    (checkout.root / "params" / "test.yaml").write_text((checkout.root / "params" / "dev.yaml").read_text())
    checkout.params("test", **changes)
    configurations.write(checkout.root, "test")


def section(text: str, title: str) -> list[str]:
    """The lines below an environment's name."""
    _, _, rest = text.partition(f"\n{title}\n")
    return rest.partition("\n\n")[0].splitlines()


def test_new_environment_is_told_by_what_it_has_otherwise(checkout: Checkout) -> None:
    made_of_dev(checkout, MaxCapacity="7", protected="true", TestListenerCidr="203.0.113.0/24")
    code, text = checkout.talk()
    assert code == 4
    lines = [line.strip() for line in section(text, "test")]
    document = environment(checkout.review(), "test")
    stacks, resources = len(document["layers"]), sum(len(layer["resources"]) for layer in document["layers"])
    same = len(document["access"]) - 1
    assert lines == [
        f"a new environment, {stacks} stacks with {resources} resources: as dev, except (dev -> test):",
        "~   protected: false -> true",
        "~   TestListenerCidr: (empty) -> 203.0.113.0/24",
        "~   MaxCapacity: 2 -> 7",
        f"new access (permissions and open ports that do not exist now): {same} times as in dev, "
        "which --json lists, and",
        "!   infrastructure: LoadBalancerSecurityGroup lets in tcp 9002 from 203.0.113.0/24",
        "by `make deploy` only: " + ", ".join(layer["layer"] for layer in document["layers"]),
    ]
    assert document["like"]["name"] == "dev"
    assert [access["resource"] for access in document["like"]["access"]] == ["LoadBalancerSecurityGroup"]
    comment = checkout.talk("--markdown")[1]
    assert f"- {same} times as in dev, which `--json` lists (test)\n" in comment
    assert comment.count("`infrastructure:LoadBalancerSecurityGroup` lets in tcp 9002") == 1


def test_resource_that_only_one_of_the_two_has_is_told(checkout: Checkout) -> None:
    made_of_dev(checkout, AlarmLatencyMs="500")
    found = environment(checkout.review(), "test")["like"]
    assert {one["resource"] for one in found["added"]} == {
        "BlueTargetGroupLatencyAlarm",
        "GreenTargetGroupLatencyAlarm",
    }
    assert found["missing"] == []
    checkout.commit()
    (checkout.root / "params" / "other.yaml").write_text((checkout.root / "params" / "dev.yaml").read_text())
    checkout.params("other", AlarmLatencyMs="0", project="other")
    configurations.write(checkout.root, "other")
    # By the one with the fewest differences.
    assert environment(checkout.review(), "other")["like"]["name"] == "dev"


def test_words_are_explained_where_they_are_used(checkout: Checkout) -> None:
    checkout.properties("infrastructure", "GreenTargetGroup", Port=18080)
    text, comment = checkout.talk()[1], checkout.talk("--markdown")[1]
    assert "\nreplaced: a new resource replaces it\n" in text
    assert "*replaced*: a new resource replaces it" in comment
    for said in (text, comment):
        assert "a new revision" not in said
        assert "Checked only at deploy, against what is running: listener-live," in said


def test_another_project_name_makes_stacks_beside_the_old_ones(checkout: Checkout) -> None:
    checkout.params("dev", project="shop")
    found = environment(checkout.review(), "dev")
    assert {layer["action"] for layer in found["layers"]} == {"move"}


def test_working_tree_and_the_same_commit_give_the_same(checkout: Checkout) -> None:
    checkout.properties("infrastructure", "GreenTargetGroup", Port=18080)
    on_disk = checkout.review()
    checkout.commit()
    committed = checkout.review("--base", "HEAD~1", "--head", "HEAD")
    assert on_disk["environments"] == committed["environments"]
    # What is on disk has no say when a revision is named.
    checkout.properties("infrastructure", "BlueTargetGroup", Port=1)
    assert checkout.review("--base", "HEAD~1", "--head", "HEAD") == committed


def test_base_that_is_ahead_is_warned_about(checkout: Checkout) -> None:
    checkout.git("checkout", "--quiet", "-b", "other")
    checkout.commit()
    checkout.git("checkout", "--quiet", "main")
    (warning,) = checkout.review("--base", "other")["warnings"]
    assert "lacks 1 commit of other" in warning


def test_base_without_the_folders_makes_everything_new(checkout: Checkout) -> None:
    checkout.git("checkout", "--quiet", "--orphan", "empty")
    checkout.git("rm", "--quiet", "-r", "--cached", ".")
    checkout.git("commit", "--quiet", "--allow-empty", "--message", "x")
    document = checkout.review()
    assert document["exit_code"] == 4
    assert {layer["action"] for layer in environment(document)["layers"]} == {"create"}
    # There is none before it by which one could be told.
    assert {found["like"] for found in document["environments"]} == {None}


def test_base_with_a_wrong_parameter_file_is_warned_about(checkout: Checkout) -> None:
    checkout.params("dev", MaxCapacity="none")
    checkout.commit()
    checkout.params("dev", MaxCapacity="2")
    document = checkout.review()
    assert "MaxCapacity" in document["warnings"][0]
    assert environment(document, "prod")["layers"] == []


@pytest.mark.parametrize("arguments", [("--base", "no-such-revision"), ("--base", "--help")])
def test_revision_that_git_does_not_know_is_bad_input(checkout: Checkout, arguments: tuple[str, ...]) -> None:
    if arguments[1] == "--help":
        arguments = ("--base=--help",)
    document = checkout.review(*arguments)
    assert document["exit_code"] == 2
    assert "git knows no revision" in document["error"]["what"]


def test_what_git_says_is_passed_on(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    # Git's own tests take this for a folder of another user.
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    document = checkout.review()
    assert "detected dubious ownership" in document["error"]["why"]
    monkeypatch.delenv("GIT_TEST_ASSUME_DIFFERENT_OWNER")
    shutil.rmtree(checkout.root / ".git")
    document = checkout.review()
    assert document["exit_code"] == 2
    assert "not a git repository" in document["error"]["why"]


def forget(checkout: Checkout) -> None:
    """Be what revisions were before layers said anything of themselves."""
    (checkout.root / "build" / "runtime.json").unlink()


def release_of(document: Json, name: str = "prod") -> set[str]:
    """How the changes of the released layer get into an environment."""
    return {
        layer["by"] for layer in environment(document, name)["layers"] if layer["layer"] == "task-definition"
    }


def test_base_that_is_older_than_what_the_layers_say_is_reviewed_as_ever(checkout: Checkout) -> None:
    kept = (checkout.root / "build" / "runtime.json").read_text()
    checkout.params("prod", HealthRate="0.9", MinCapacity="3")
    checkout.properties("service", "Service", EnableECSManagedTags=False)
    known = checkout.review()
    forget(checkout)
    checkout.git("checkout", "--quiet", "HEAD", "--", "params", "build/service.yaml")
    checkout.commit()
    (checkout.root / "build" / "runtime.json").write_text(kept)
    checkout.params("prod", HealthRate="0.9", MinCapacity="3")
    checkout.properties("service", "Service", EnableECSManagedTags=False)
    older = checkout.review()
    assert {**older, "base": known["base"]} == known
    assert older["warnings"] == []
    assert release_of(older) == {"pipeline"}
    # The stack policy of the base counts, although nothing says whose it is.
    assert {finding["rule"] for finding in environment(older)["findings"]} == {
        "service-frozen",
        "stack-policy",
    }


def test_two_revisions_that_are_older_are_reviewed(checkout: Checkout) -> None:
    forget(checkout)
    checkout.commit()
    checkout.params("prod", HealthRate="0.9")
    checkout.commit()
    document = checkout.review("--base", "HEAD~1", "--head", "HEAD")
    assert (document["exit_code"], document["warnings"]) == (4, [])
    # Nothing says that the pipeline changes it.
    assert release_of(document) == {"deploy"}


def test_going_back_to_a_revision_that_is_older_is_reviewed(checkout: Checkout) -> None:
    kept = (checkout.root / "build" / "runtime.json").read_text()
    checkout.params("prod", HealthRate="0.9")
    forget(checkout)
    checkout.commit()
    (checkout.root / "build" / "runtime.json").write_text(kept)
    checkout.params("prod", HealthRate="0.8")
    checkout.commit()
    document = checkout.review("--base", "HEAD", "--head", "HEAD~1")
    assert document["exit_code"] == 4
    assert not any("runtime.json" in warning for warning in document["warnings"])
    assert release_of(document) == {"pipeline"}


def test_revision_that_says_what_is_not_known_here_is_told(checkout: Checkout) -> None:
    kept = (checkout.root / "build" / "runtime.json").read_text()
    checkout.said(lambda document: document.update(schema="runtime/2"))
    checkout.commit()
    (checkout.root / "build" / "runtime.json").write_text(kept)
    checkout.params("prod", HealthRate="0.9")
    document = checkout.review()
    (warning,) = document["warnings"]
    assert (
        "build/runtime.json cannot be used: its schema is runtime/2, and runtime/1 is known here" in warning
    )
    assert release_of(document) == {"pipeline"}


@pytest.mark.parametrize("schema", [None, "runtime/0", "runtime/2"])
def test_files_on_disk_must_have_what_the_deployer_needs(checkout: Checkout, schema: str | None) -> None:
    if schema:
        checkout.said(lambda document: document.update(schema=schema))
    else:
        forget(checkout)
    document = checkout.review()
    assert document["exit_code"] == 2
    assert document["error"]["what"].startswith("build/runtime.json ")
    assert document["error"]["remedy"] == "run: make generate"


def test_rule_of_the_layers_counts_for_the_files_on_disk(checkout: Checkout) -> None:
    checkout.params("prod", MinCapacity="9", MaxCapacity="2")
    document = checkout.review()
    assert document["exit_code"] == 2
    assert "parameters.MinCapacity: 9 must not be above MaxCapacity (2)" in document["error"]["why"]


def test_value_that_is_fixed_at_creation_stays_in_what_is_deployed(checkout: Checkout) -> None:
    def declare(document: Json) -> None:
        document["Parameters"]["Insights"] = {"Type": "String"}
        settings = document["Resources"]["Cluster"]["Properties"]["ClusterSettings"]
        settings[0]["Value"] = {"Ref": "Insights"}

    fixed = {"parameter": "Insights", "for_new_stacks": "enhanced", "for_older_stacks": "enabled"}
    checkout.template("infrastructure", declare)
    checkout.said(lambda document: document["layers"]["infrastructure"].update(fixed_at_creation=[fixed]))
    shutil.copy(checkout.root / "params" / "prod.yaml", checkout.root / "params" / "new.yaml")
    document = checkout.review()
    # Nothing happens to a cluster that is there; the value is the one that it has.
    assert "Cluster" not in resources(document, "infrastructure")
    for name, value in (("prod", "enabled"), ("new", "enhanced")):
        (found,) = [one for one in environment(document, name)["layers"] if one["layer"] == "infrastructure"]
        insights = {"name": "Insights", "before": None, "after": value}
        assert insights in found["parameters"] or name == "new"
    assert "new parameters: Insights=enabled" in checkout.talk()[1]
    checkout.commit()
    # Another value for what is new is no change of what is there.
    fixed["for_new_stacks"] = "disabled"
    checkout.said(lambda document: document["layers"]["infrastructure"].update(fixed_at_creation=[fixed]))
    assert checkout.review()["exit_code"] == 0


def test_template_that_is_missing_is_not_the_parameter_files_mistake(checkout: Checkout) -> None:
    (checkout.root / "build" / "service.yaml").unlink()
    document = checkout.review()
    assert document["exit_code"] == 2
    assert document["error"]["what"] == "build/service.yaml is missing"
    assert document["error"]["remedy"] == "run: make generate"


def test_wrong_parameter_file_is_bad_input(checkout: Checkout) -> None:
    checkout.params("dev", MaxCapacity="none")
    document = checkout.review()
    assert document["exit_code"] == 2
    assert "MaxCapacity" in document["error"]["why"]


def test_what_lets_all_blocks_through_is_one_value(checkout: Checkout) -> None:
    for name in ("TestListener", "ProductionListener"):
        checkout.properties("infrastructure", name, Port=9443)
    value = 'ALLOW="infrastructure:ProductionListener infrastructure:TestListener"'
    code, text = checkout.talk()
    assert code == 3
    lines = [line.strip() for line in text.splitlines()]
    assert f"all of these, if they are meant: {value}" in lines
    names = value.removeprefix('ALLOW="').removesuffix('"').split()
    assert environment(checkout.review())["allow"] == names
    comment = checkout.talk("--markdown")[1]
    assert f"\nAll of these, if they are meant: `{value}` (dev, local, prod)\n" in comment


# The comment on a pull request.


def test_comment_has_the_summary_first_and_the_details_folded(checkout: Checkout) -> None:
    checkout.properties("infrastructure", "GreenTargetGroup", Port=18080)
    code, text = checkout.talk("--markdown")
    assert code == 3
    lines = text.splitlines()
    assert lines[0] == MARKER
    assert lines[1].startswith("## The deployer would block this")
    table = next(i for i, line in enumerate(lines) if line.startswith("| environment |"))
    assert table < text.splitlines().index("### Blocked by the deployer")
    row = "| prod | infrastructure | 1 | 1 | replacement, export-in-use, stack-policy |"
    assert row in lines, "\n".join(lines[:20])
    assert text.count("<details>") == text.count("</details>") > 0
    assert text == checkout.talk("--markdown")[1]


def test_comment_fits_github_and_says_what_is_left_out(checkout: Checkout) -> None:
    def fill(value: str) -> Callable[[Json], None]:
        def edit(document: Json) -> None:
            for n in range(90):
                properties = {"Type": "String", "Value": f"{n} {value * 90}"}
                document["Resources"][f"Extra{n}"] = {"Type": "AWS::SSM::Parameter", "Properties": properties}

        return edit

    checkout.template("service-preference", fill("a"))
    checkout.commit()
    checkout.template("service-preference", fill("<@"))
    # Every environment differs, so that none is put together with another.
    for n, name in enumerate(("dev", "local", "prod")):
        checkout.params(name, MaxCapacity=str(7 + n))
    _, text = checkout.talk("--markdown")
    assert 20_000 < len(text) <= LIMIT
    assert "do not fit" in text
    assert text.count("<details>") == text.count("</details>")


def test_comment_takes_nothing_for_markdown_or_a_mention(checkout: Checkout) -> None:
    checkout.properties(
        "infrastructure",
        "TaskRole",
        Policies=[
            {"PolicyName": "x", "PolicyDocument": statement(Action="a:<b>@team", Resource="|```\n</details>")}
        ],
    )
    _, text = checkout.talk("--markdown")
    outside = re.sub(r"(`{3,})diff\n.*?\n\1\n", "", text, flags=re.DOTALL)
    assert "<b>" not in outside.replace(r"\<b\>", "")
    assert outside.count("</details>") == outside.count("<details>")
    assert not re.search(r"(?<!\\)@team", outside)


# Fast, and without what needs time or credentials.


def test_review_of_all_layers_takes_less_than_a_second_without_the_libraries_of_aws(
    checkout: Checkout,
) -> None:
    for name in ("dev", "local", "prod"):
        checkout.params(name, tags={"team": "shop"}, ContainerPort="18080")
    program = (
        "import sys, pathlib; from ecs_blue_green.deployer import command_line\n"
        f"code = command_line.main(['review', '--base', 'HEAD'], pathlib.Path({str(checkout.root)!r}))\n"
        "slow = {'troposphere', 'awacs', 'boto3', 'botocore', 'cfnlint', 'ministack'} & sys.modules.keys()\n"
        "sys.exit(f'exit code {code}, imported {slow}' if slow or code != 3 else 0)\n"
    )
    begun = os.times()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    ended = os.times()
    assert done.returncode == 0, done.stderr
    assert "task-definition" in done.stdout
    # The processor's time, git's included: the clock's would depend on what else this machine does.
    used = ended.children_user + ended.children_system - begun.children_user - begun.children_system
    assert used < 1


def test_secret_in_a_plain_variable_is_warned_about_in_each_environment(checkout: Checkout) -> None:
    password = "{{resolve:secretsmanager:database:SecretString:password}}"
    path = checkout.root / "build" / "task-definition.yaml"
    path.write_text(path.read_text().replace("Value: !Ref HealthRate", f"Value: '{password}'"))
    warnings = checkout.review()["warnings"]
    assert [warning.partition(",")[0] for warning in warnings] == ["in dev", "in local", "in prod"]
    for warning in warnings:
        assert f"HEALTH_RATE of sample-api has {password}, whose value would stand in plain text" in warning
        assert "give the container the secret's ARN as a secret, not as a variable" in warning
