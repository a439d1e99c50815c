"""The engine on small templates, where what must come out is plain, and on the project's own."""

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from ecs_blue_green.deployer import environment, layers
from ecs_blue_green.deployer.changes import ResourceChange
from ecs_blue_green.deployer.effects import comparison
from ecs_blue_green.deployer.effects.comparison import LayerChange
from ecs_blue_green.deployer.effects.states import ResolvedState, StackState, State, desired_state
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.resolve import Expression
from tests.paths import PROJECT

Json = dict[str, Any]
Edit = Callable[[Json], None]


def compare(
    before: Mapping[str, Json],
    after: Mapping[str, Json],
    parameters: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {}),
    tags: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {}),
) -> dict[str, LayerChange]:
    """What leads from some templates to others, by layer."""
    sides = (
        State(
            "111111111111",
            "ap-northeast-1",
            {
                slug: StackState(f"shop-{slug}", template, values, labels)
                for slug, template in templates.items()
            },
        )
        for templates, values, labels in zip((before, after), parameters, tags, strict=True)
    )
    return {change.layer: change for change in comparison.compare(*sides)}


def template(resources: Json, **sections: Json) -> Json:
    return {"Resources": resources, **sections}


def one(resource_type: str, properties: Json, **attributes: Any) -> dict[str, Json]:
    """A layer with one resource, `It`."""
    return {"a": template({"It": {"Type": resource_type, "Properties": properties, **attributes}})}


def change(before: Mapping[str, Json], after: Mapping[str, Json], **more: Any) -> ResourceChange:
    """What happens to the only resource that changes."""
    (found,) = compare(before, after, **more)["a"].resources
    return found


@pytest.mark.parametrize(
    ("resource_type", "before", "after", "action", "effect"),
    [
        ("AWS::S3::Bucket", {"BucketName": "a"}, {"BucketName": "b"}, "replace", "replaced"),
        ("AWS::S3::Bucket", {}, {"VersioningConfiguration": {"Status": "Enabled"}}, "modify", "in place"),
        (
            "AWS::ECS::Service",
            {"LaunchType": "EC2"},
            {"LaunchType": "FARGATE"},
            "may replace",
            "may be replaced",
        ),
        # Create-only below a property that is not.
        (
            "AWS::MSK::Replicator",
            {"ReplicationInfoList": [{"SourceKafkaClusterArn": "a"}]},
            {"ReplicationInfoList": [{"SourceKafkaClusterArn": "b"}]},
            "replace",
            "replaced",
        ),
        (
            "AWS::MSK::Replicator",
            {
                "ReplicationInfoList": [
                    {"SourceKafkaClusterArn": "a", "TopicReplication": {"CopyTopics": "x"}}
                ]
            },
            {
                "ReplicationInfoList": [
                    {"SourceKafkaClusterArn": "a", "TopicReplication": {"CopyTopics": "y"}}
                ]
            },
            "modify",
            "in place",
        ),
        # A whole object with a create-only part goes.
        (
            "AWS::MSK::Replicator",
            {"ReplicationInfoList": [{"SourceKafkaClusterArn": "a"}]},
            {},
            "replace",
            "replaced",
        ),
        ("AWS::ECS::TaskDefinition", {"Cpu": "256"}, {"Cpu": "512"}, "replace", "released"),
        ("AWS::CodeBuild::Project", {}, {"Arn": "x"}, "modify", "refused"),
        ("Custom::Thing", {"A": 1}, {"A": 2}, "may replace", "may be replaced"),
    ],
)
def test_schema_says_what_a_change_of_a_property_does(
    resource_type: str, before: Json, after: Json, action: str, effect: str
) -> None:
    found = change(one(resource_type, before), one(resource_type, after))
    assert (found.action, found.effect) == (action, effect)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"RetentionInDays": 7}, {"RetentionInDays": "7"}),
        ({"RetentionInDays": {"Ref": "Days"}}, {"RetentionInDays": 7}),
        ({"LogGroupName": {"Fn::Sub": "/x/${AWS::Region}"}}, {"LogGroupName": "/x/ap-northeast-1"}),
    ],
)
def test_other_words_for_the_same_value_are_no_change(before: Json, after: Json) -> None:
    declared = {"Parameters": {"Days": {"Type": "Number"}}}
    old, new = ({"a": one("AWS::Logs::LogGroup", values)["a"] | declared} for values in (before, after))
    days = {"Days": "7"}
    assert compare(old, new, parameters=(days, days))["a"].action == "nothing"


def test_change_has_its_path_and_values_with_parameters_filled_in() -> None:
    declared = {"Parameters": {"Days": {"Type": "Number"}}}
    layer = {"a": one("AWS::Logs::LogGroup", {"RetentionInDays": {"Ref": "Days"}})["a"] | declared}
    found = compare(layer, layer, parameters=({"Days": "7"}, {"Days": "30"}))["a"]
    assert [(p.path, p.before, p.after) for p in found.parameters] == [("Days", "7", "30")]
    ((path, before, after),) = [(p.path, p.before, p.after) for p in found.resources[0].properties]
    assert (path, before, after) == ("/Properties/RetentionInDays", "7", "30")


def test_member_put_into_a_list_does_not_shift_the_others() -> None:
    rules = [{"CidrIp": f"10.0.{n}.0/24", "IpProtocol": "-1"} for n in range(3)]
    found = change(
        one("AWS::EC2::SecurityGroup", {"SecurityGroupIngress": [rules[0], rules[2]]}),
        one("AWS::EC2::SecurityGroup", {"SecurityGroupIngress": rules}),
    )
    assert [(p.path, p.before) for p in found.properties] == [("/Properties/SecurityGroupIngress/1", None)]


def containers(*named: tuple[str, Json]) -> dict[str, Json]:
    return one(
        "AWS::ECS::TaskDefinition", {"ContainerDefinitions": [{"Name": name, **more} for name, more in named]}
    )


def variables(**values: str) -> Json:
    return {"Environment": [{"Name": name, "Value": value} for name, value in values.items()]}


def told(
    before: Mapping[str, Json], after: Mapping[str, Json]
) -> list[tuple[str, str, str | None, str | None]]:
    return [(p.path, p.name, p.before, p.after) for p in change(before, after).properties]


def test_containers_and_variables_are_compared_by_name() -> None:
    """One that comes before it does not make another container of one that changes, too."""
    before = containers(("api", {"Image": "a:1", **variables(RATE="1", MODE="x")}), ("log", {"Image": "l"}))
    after = containers(
        ("proxy", {"Image": "p"}),
        ("api", {"Image": "a:2", **variables(NEW="n", RATE="2")}),
        ("log", {"Image": "l"}),
    )
    assert told(before, after) == [
        (
            "/Properties/ContainerDefinitions/0",
            "ContainerDefinitions/proxy",
            None,
            '{"Name": "proxy", "Image": "p"}',
        ),
        ("/Properties/ContainerDefinitions/1/Image", "ContainerDefinitions/api/Image", "a:1", "a:2"),
        (
            "/Properties/ContainerDefinitions/1/Environment/0",
            "ContainerDefinitions/api/Environment/NEW",
            None,
            '{"Name": "NEW", "Value": "n"}',
        ),
        (
            "/Properties/ContainerDefinitions/1/Environment/1/Value",
            "ContainerDefinitions/api/Environment/RATE/Value",
            "1",
            "2",
        ),
        (
            "/Properties/ContainerDefinitions/1/Environment/1",
            "ContainerDefinitions/api/Environment/MODE",
            '{"Name": "MODE", "Value": "x"}',
            None,
        ),
    ]
    assert change(before, after).effect == "released"


def test_names_in_another_order_are_a_change_of_their_order() -> None:
    before = containers(("api", variables(A="1", B="2", C="3")))
    after = containers(("api", variables(C="3", A="1", D="4", B="5")))
    assert [entry[1:] for entry in told(before, after)] == [
        ("ContainerDefinitions/api/Environment/D", None, '{"Name": "D", "Value": "4"}'),
        ("ContainerDefinitions/api/Environment/B/Value", "2", "5"),
        ("ContainerDefinitions/api/Environment", '["A", "B", "C"]', '["C", "A", "B"]'),
    ]
    assert change(before, after).action == "replace"


def test_name_that_is_given_twice_is_none() -> None:
    """Then the order tells which is which."""
    before, after = ([{"Name": "a", "Value": value}, {"Name": "a", "Value": "y"}] for value in "xz")
    sides = (containers(("api", {"Environment": one_side})) for one_side in (before, after))
    assert [entry[0] for entry in told(*sides)] == ["/Properties/ContainerDefinitions/0/Environment/0/Value"]


def test_import_of_a_named_member_stays_the_same_where_another_comes_before_it() -> None:
    exporter = template({}, Outputs={"One": {"Value": "1", "Export": {"Name": "one"}}})
    imported = {"Name": "A", "Value": {"Fn::ImportValue": "one"}}
    before, after = (
        {"x": exporter, **containers(("api", {"Environment": environment}))}
        for environment in ([imported], [{"Name": "B", "Value": "2"}, imported])
    )
    assert [entry[1] for entry in told(before, after)] == ["ContainerDefinitions/api/Environment/B"]


def test_condition_that_flips_adds_and_removes() -> None:
    side = {
        "a": template(
            {"It": {"Type": "AWS::S3::Bucket", "Condition": "HasBucket"}},
            Parameters={"Wanted": {"Type": "String"}},
            Conditions={"HasBucket": {"Fn::Equals": [{"Ref": "Wanted"}, "true"]}},
        )
    }
    on, off = {"Wanted": "true"}, {"Wanted": "false"}
    assert change(side, side, parameters=(off, on)).action == "add"
    assert change(side, side, parameters=(on, off)).action == "remove"


def test_change_of_type_is_refused() -> None:
    found = change(one("AWS::S3::Bucket", {}), one("AWS::SQS::Queue", {}))
    assert (found.action, found.effect) == ("replace", "refused")


@pytest.mark.parametrize("attribute", ["DependsOn", "Metadata", "CreationPolicy", "UpdatePolicy"])
def test_attribute_beside_the_properties_leaves_the_resource_as_it_is(attribute: str) -> None:
    found = change(one("AWS::S3::Bucket", {}), one("AWS::S3::Bucket", {}, **{attribute: "Other"}))
    assert (found.action, found.effect, found.notes) == ("modify", "none", ())


@pytest.mark.parametrize(
    ("policy", "before", "after", "fate"),
    [
        ("DeletionPolicy", "RetainExceptOnCreate", "Delete", "deleted from now on, with its data"),
        ("DeletionPolicy", "RetainExceptOnCreate", None, "deleted from now on, with its data"),
        ("DeletionPolicy", "Retain", "Delete", "deleted from now on, with its data"),
        ("DeletionPolicy", "Retain", "Snapshot", "only a snapshot of it is kept"),
        ("DeletionPolicy", "Delete", "RetainExceptOnCreate", "retained from now on"),
        ("DeletionPolicy", None, "Delete", ""),
        # They differ for a creation that fails, and this resource is there.
        ("DeletionPolicy", "Retain", "RetainExceptOnCreate", ""),
        ("UpdateReplacePolicy", "Retain", None, "deleted from now on, with its data"),
        ("UpdateReplacePolicy", "Snapshot", "Retain", "retained from now on"),
        ("UpdateReplacePolicy", None, "Delete", ""),
    ],
)
def test_policy_that_decides_another_end_is_no_change_without_effect(
    policy: str, before: str | None, after: str | None, fate: str
) -> None:
    sides = [one("AWS::S3::Bucket", {}, **({policy: value} if value else {})) for value in (before, after)]
    found = change(*sides)
    assert (found.action, found.effect) == ("modify", "in place" if fate else "none")
    assert len(found.notes) == bool(fate)
    assert all(fate in note for note in found.notes)
    when = {"DeletionPolicy": "when it leaves the stack", "UpdateReplacePolicy": "when another one"}
    assert all(note.startswith(when[policy]) for note in found.notes)


def test_database_is_saved_by_default() -> None:
    sides = [
        one("AWS::RDS::DBCluster", {}, **attributes) for attributes in ({}, {"DeletionPolicy": "Snapshot"})
    ]
    assert change(*sides).effect == "none"
    assert any("snapshot" in note for note in change(sides[0], {"a": template({})}).notes)


def test_retained_resource_stays_behind() -> None:
    kept = one("AWS::S3::Bucket", {"BucketName": "a"}, DeletionPolicy="Retain", UpdateReplacePolicy="Retain")
    removed = change(kept, {"a": template({})})
    assert any("retained, no longer managed" in note for note in removed.notes)
    other = one("AWS::S3::Bucket", {"BucketName": "b"}, DeletionPolicy="Retain", UpdateReplacePolicy="Retain")
    assert any("retained, no longer managed" in note for note in change(kept, other).notes)
    assert change(one("AWS::S3::Bucket", {}), {"a": template({})}).notes == ()


def test_replacement_beside_its_own_name_fails() -> None:
    def repository(name: str, encryption: str) -> dict[str, Json]:
        kind = {"EncryptionType": encryption}
        return one("AWS::ECR::Repository", {"RepositoryName": name, "EncryptionConfiguration": kind})

    stuck = change(repository("api", "AES256"), repository("api", "KMS"))
    assert any("same RepositoryName" in note for note in stuck.notes)
    assert not any(
        "same" in note for note in change(repository("api", "AES256"), repository("b", "KMS")).notes
    )


# A listener and an alarm refer to a target group; another layer imports both.
NETWORK = template(
    {
        "Group": {"Type": "AWS::ElasticLoadBalancingV2::TargetGroup", "Properties": {"Port": 80}},
        "Balancer": {
            "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
            "Properties": {"Scheme": "internal"},
        },
        "Listener": {
            "Type": "AWS::ElasticLoadBalancingV2::Listener",
            "Properties": {
                "LoadBalancerArn": {"Ref": "Balancer"},
                "DefaultActions": [{"Type": "forward", "TargetGroupArn": {"Ref": "Group"}}],
            },
        },
    },
    Outputs={
        "GroupName": {
            "Value": {"Fn::GetAtt": "Group.TargetGroupName"},
            "Export": {"Name": {"Fn::Sub": "${AWS::StackName}-GroupName"}},
        },
        "Members": {
            "Value": {"Fn::Join": [",", {"Fn::GetAtt": "Group.LoadBalancerArns"}]},
            "Export": {"Name": {"Fn::Sub": "${AWS::StackName}-Members"}},
        },
    },
)
USERS = template(
    {
        "Alarm": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "AlarmName": {"Fn::Join": ["-", [{"Fn::ImportValue": "shop-net-GroupName"}, "errors"]]},
            },
        },
        "Note": {
            "Type": "AWS::SSM::Parameter",
            "Properties": {"Value": {"Fn::ImportValue": "shop-net-Members"}},
        },
    }
)


def edited(document: Json, edit: Edit) -> Json:
    found = copy.deepcopy(document)
    edit(found["Resources"])
    return found


def after_network(edit: Edit) -> dict[str, LayerChange]:
    return compare({"net": NETWORK, "use": USERS}, {"net": edited(NETWORK, edit), "use": USERS})


def actions(layer: LayerChange) -> dict[str, str]:
    return {found.logical_id: found.action for found in layer.resources}


def test_replacement_upstream_shows_downstream_and_across_stacks() -> None:
    found = after_network(lambda resources: resources["Group"]["Properties"].update(Port=81))
    assert actions(found["net"]) == {"Group": "replace", "Listener": "modify"}
    # The alarm is named after the group: its name replaces it.
    assert actions(found["use"]) == {"Alarm": "replace", "Note": "modify"}
    (listener,) = (c for c in found["net"].resources if c.logical_id == "Listener")
    (property_,) = listener.properties
    assert property_.path == "/Properties/DefaultActions/0/TargetGroupArn"
    assert (property_.because, property_.certain) == ("Group is replaced", True)
    exports = {export.output: export for export in found["net"].exports}
    assert exports["GroupName"].action == "change"
    assert exports["GroupName"].importers == ("use",)


def test_reference_to_a_replaced_resource_replaces_where_the_property_does() -> None:
    found = after_network(
        lambda resources: resources["Balancer"]["Properties"].update(Scheme="internet-facing")
    )
    assert actions(found["net"]) == {"Balancer": "replace", "Listener": "replace"}
    assert found["use"].action == "nothing"


def test_update_in_place_upstream_changes_no_identity_but_may_change_the_rest() -> None:
    found = after_network(lambda resources: resources["Group"]["Properties"].update(HealthCheckPath="/x"))
    assert actions(found["net"]) == {"Group": "modify"}
    assert actions(found["use"]) == {"Note": "modify"}
    (note,) = found["use"].resources
    assert not note.properties[0].certain
    assert [(e.output, e.action) for e in found["net"].exports] == [("Members", "may change")]


OUTPUTS: Json = {
    "Same": {"Value": "one"},
    "Value": {"Value": "one", "Export": {"Name": "value"}},
    "Gone": {"Value": "one"},
    "Hidden": {"Value": "one", "Export": {"Name": "hidden"}},
    "Named": {"Value": "one", "Export": {"Name": "named"}},
    "Members": {"Value": {"Fn::Join": [",", {"Fn::GetAtt": "Group.LoadBalancerArns"}]}},
    "Arn": {"Value": {"Ref": "Group"}},
    "Never": {"Value": "one", "Condition": "IsNever"},
}


def with_outputs(port: str, outputs: Json) -> dict[str, Json]:
    group = {"Type": "AWS::ElasticLoadBalancingV2::TargetGroup", "Properties": {"HealthCheckPath": port}}
    conditions = {"IsNever": {"Fn::Equals": ["a", "b"]}}
    return {"a": template({"Group": group}, Outputs=outputs, Conditions=conditions)}


def test_outputs_that_change_are_told_with_their_exports() -> None:
    outputs = {
        **{name: value for name, value in OUTPUTS.items() if name != "Gone"},
        "Same": {"Value": {"Fn::Sub": "one"}, "Description": "in other words"},
        "Value": {"Value": "two", "Export": {"Name": "value"}},
        "Hidden": {"Value": "one"},
        "Named": {"Value": "one", "Export": {"Name": "otherwise"}},
        "New": {"Value": "two"},
        "Never": {"Value": "two", "Condition": "IsNever"},
    }
    found = compare(with_outputs("/a", OUTPUTS), with_outputs("/b", outputs))["a"]
    told = [(o.output, o.action, o.before, o.after, o.because, o.export) for o in found.outputs]
    assert told == [
        ("Value", "change", "one", "two", "", "value"),
        ("Hidden", "change", "one", "one", "it was exported as hidden", ""),
        ("Named", "change", "one", "one", "it was exported as named", "otherwise"),
        (
            "Members",
            "may change",
            "!Join [,, ${Group.LoadBalancerArns}]",
            "!Join [,, ${Group.LoadBalancerArns}]",
            "Group is updated",
            "",
        ),
        ("New", "add", None, "two", "", ""),
        ("Gone", "remove", "one", None, "", ""),
    ]


def test_outputs_alone_are_a_change_of_the_layer() -> None:
    outputs = {**OUTPUTS, "New": {"Value": "two"}}
    found = compare(with_outputs("/a", OUTPUTS), with_outputs("/a", outputs))["a"]
    assert (found.action, found.resources, found.exports) == ("update", (), ())
    assert compare(with_outputs("/a", OUTPUTS), with_outputs("/a", OUTPUTS))["a"].action == "nothing"


def test_another_import_of_the_same_value_is_a_change() -> None:
    """CloudFormation compares the functions: what replaces where it changes may be replaced."""
    outputs = {name: {"Value": "same", "Export": {"Name": name}} for name in ("one", "two")}
    exporter = template({}, Outputs=outputs)

    def sides(value: Any) -> dict[str, Json]:
        rule = {"Name": {"Fn::If": ["IsNever", {"Fn::ImportValue": "two"}, value]}, "Description": value}
        topic = {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupName": value, "VpcId": "x"}}
        alarm = {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Dimensions": [rule]}}
        conditions = {"IsNever": {"Fn::Equals": ["a", "b"]}}
        return {"x": exporter, "a": template({"Group": topic, "Alarm": alarm}, Conditions=conditions)}

    one, two = ({"Fn::ImportValue": name} for name in ("one", {"Fn::Sub": "two"}))
    assert compare(sides(one), sides({"Fn::ImportValue": {"Fn::Sub": "one"}}))["a"].action == "nothing"
    for before, after, why in (
        (one, two, "it is imported under another name"),
        (one, "same", "it is no longer imported"),
        ("same", two, "it is imported now"),
    ):
        found = {change.logical_id: change for change in compare(sides(before), sides(after))["a"].resources}
        (group,) = found["Group"].properties
        assert (group.path, group.recreation, group.because) == (
            "/Properties/GroupName",
            "Conditionally",
            why,
        )
        assert found["Group"].action == "may replace"
        assert [(p.path, p.recreation) for p in found["Alarm"].properties] == [
            ("/Properties/Dimensions/0/Name", "Never"),
            ("/Properties/Dimensions/0/Description", "Never"),
        ]


def test_uncertain_change_of_a_create_only_property_may_replace() -> None:
    sides = [
        one("AWS::S3::Bucket", {"VersioningConfiguration": {"Status": status}})["a"]["Resources"]
        | {
            "Pipeline": {
                "Type": "AWS::CodePipeline::Pipeline",
                "Properties": {"RoleArn": status},
            },
            "Named": {
                "Type": "AWS::SSM::Parameter",
                "Properties": {"Name": {"Fn::GetAtt": "Pipeline.Version"}, "Value": "x"},
            },
        }
        for status in ("Enabled", "Suspended")
    ]
    before, after = ({"a": template(resources)} for resources in sides)
    assert actions(compare(before, after)["a"])["Named"] == "may replace"


def test_name_that_the_template_gives_is_followed_by_value() -> None:
    def cluster(name: str) -> dict[str, Json]:
        return {
            "a": template(
                {
                    "Cluster": {"Type": "AWS::ECS::Cluster", "Properties": {"ClusterName": name}},
                    "Note": {"Type": "AWS::SSM::Parameter", "Properties": {"Value": {"Ref": "Cluster"}}},
                }
            )
        }

    found = {c.logical_id: c for c in compare(cluster("one"), cluster("two"))["a"].resources}
    assert (found["Note"].properties[0].before, found["Note"].properties[0].after) == ("one", "two")


SERVICE: Json = {
    "ServiceName": "api",
    "Cluster": "shop",
    "DeploymentController": {"Type": "CODE_DEPLOY"},
    "TaskDefinition": "api",
    "HealthCheckGracePeriodSeconds": 60,
}


@pytest.mark.parametrize(
    ("update", "effect"),
    [
        ({"HealthCheckGracePeriodSeconds": 30}, "in place"),
        ({"DesiredCount": 2, "PropagateTags": "SERVICE"}, "in place"),
        ({"TaskDefinition": "api:3"}, "refused"),
        ({"HealthCheckGracePeriodSeconds": 30, "PlatformVersion": "1.4.0"}, "refused"),
        ({"Tags": [{"Key": "a", "Value": "b"}]}, "refused"),
        ({"Cluster": "other"}, "replaced"),
        ({"DeploymentController": {"Type": "ECS"}}, "in place"),
    ],
)
def test_service_under_codedeploy_takes_what_ecs_accepts(update: Json, effect: str) -> None:
    found = change(one("AWS::ECS::Service", SERVICE), one("AWS::ECS::Service", SERVICE | update))
    assert found.effect == effect


def test_service_under_codedeploy_refuses_even_a_dependency() -> None:
    after = one("AWS::ECS::Service", SERVICE, DependsOn=["X"])
    assert change(one("AWS::ECS::Service", SERVICE), after).effect == "refused"
    plain = {key: value for key, value in SERVICE.items() if key != "DeploymentController"}
    after = one("AWS::ECS::Service", plain, DependsOn=["X"])
    assert change(one("AWS::ECS::Service", plain), after).effect == "none"


def test_stack_tag_modifies_what_takes_tags_and_nothing_else() -> None:
    layer = {
        "a": template(
            {
                "Bucket": {"Type": "AWS::S3::Bucket"},
                "Policy": {"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": {"Ref": "Bucket"}}},
                # A schema of the older kind, which has the property and says nothing of tagging.
                "Project": {"Type": "AWS::CodeBuild::Project", "Properties": {}},
            }
        )
    }
    found = compare(layer, layer, tags=({"team": "a"}, {"team": "b"}))["a"]
    assert actions(found) == {"Bucket": "modify", "Project": "modify"}
    assert [(p.path, p.before, p.after) for p in found.resources[0].properties] == [("/Tags/team", "a", "b")]


def test_renamed_logical_id_is_removed_and_added_and_said_so() -> None:
    group = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/x", "RetentionInDays": 7}}
    found = compare({"a": template({"Old": group})}, {"a": template({"New": group})})["a"]
    by_id = {c.logical_id: c for c in found.resources}
    assert (by_id["Old"].action, by_id["Old"].renamed) == ("remove", "New")
    assert (by_id["New"].action, by_id["New"].renamed) == ("add", "Old")
    assert any("same LogGroupName" in note for note in by_id["New"].notes)


def test_two_resources_that_share_only_their_type_are_no_rename() -> None:
    one_, other = (
        {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": name, "RetentionInDays": days}}
        for name, days in (("/x", 7), ("/y", 30))
    )
    found = compare({"a": template({"Old": one_})}, {"a": template({"New": other})})["a"]
    assert not any(c.renamed for c in found.resources)


def test_new_and_removed_layers_and_stacks_of_another_name() -> None:
    layer = one("AWS::S3::Bucket", {})
    assert compare({}, layer)["a"].action == "create"
    assert compare(layer, {})["a"].action == "remove"
    sides = [State("1", "ap-northeast-1", {"a": StackState(name, layer["a"], {})}) for name in ("x", "y")]
    (found,) = comparison.compare(*sides)
    assert (found.action, found.resources[0].action) == ("move", "add")


ENVIRONMENTS = environment.names(PROJECT / "params")


def loaded(name: str, built: Mapping[str, Layer]) -> Environment:
    declared = {slug: layer.parameters for slug, layer in built.items()}
    return environment.load(PROJECT / "params", name, declared)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_own_templates_against_themselves_change_nothing(name: str, built: Mapping[str, Layer]) -> None:
    settings = loaded(name, built)
    sides = desired_state(built, settings), desired_state(copy.deepcopy(built), settings)
    assert {found.action for found in comparison.compare(*sides)} == {"nothing"}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_values_of_the_own_templates_are_known_but_for_what_aws_gives(
    name: str, built: Mapping[str, Layer]
) -> None:
    """Every expression is made of references: no function over parameters, no parameter is left over."""
    settings = loaded(name, built)
    state = ResolvedState(desired_state(built, settings))
    for slug in built:
        left = "|".join([*(rf"\${{{parameter}}}" for parameter in built[slug].parameters), r"^!\w+ "])
        for logical_id, resource in state.resources(slug).items():
            for expression in expressions(resource.properties):
                assert not re.search(left, expression.text(slug)), f"{slug}:{logical_id}: {expression}"


def expressions(value: Any) -> Iterator[Expression]:
    if isinstance(value, Expression):
        yield value
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for member in members:
        yield from expressions(member)


def test_parameter_of_a_target_group_reaches_every_layer_that_uses_it(built: Mapping[str, Layer]) -> None:
    settings = loaded("prod", built)
    other = settings._replace(parameters={**settings.parameters, "ContainerPort": "18080"})
    found = {
        c.layer: c for c in comparison.compare(desired_state(built, settings), desired_state(built, other))
    }
    assert actions(found["infrastructure"])["BlueTargetGroup"] == "replace"
    assert {c.effect for c in found["service"].resources} == {"refused"}
    assert {c.effect for c in found["task-definition"].resources} == {"released"}
    assert "CodeDeployDeploymentGroup" in actions(found["pipeline"])
    in_use = {e.output for e in found["infrastructure"].exports if e.importers}
    assert {"BlueTargetGroupArn", "GreenTargetGroupName"} <= in_use


def test_layers_are_compared_in_their_order(built: Mapping[str, Layer]) -> None:
    settings = loaded("dev", built)
    order = layers.in_order(layers.dependencies(built, settings))
    sides = [desired_state({slug: built[slug] for slug in order}, settings)] * 2
    assert [found.layer for found in comparison.compare(*sides)] == order


@pytest.mark.parametrize(("action", "warned"), [("forward", True), ("redirect", False)])
def test_listener_that_forwards_warns_of_the_colour(action: str, warned: bool) -> None:
    def listener(port: int) -> dict[str, Json]:
        properties = {"Port": port, "DefaultActions": [{"Type": action}]}
        return one("AWS::ElasticLoadBalancingV2::Listener", properties)

    notes = change(listener(80), listener(81)).notes
    assert any("goes back to blue" in note for note in notes) is warned


# Outputs, and what is not shown.


def test_outputs_are_told_exported_or_not() -> None:
    topic = {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "a"}}}
    renamed = {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "b"}}}
    export = {"Export": {"Name": "x-Extra"}}
    before = {
        "Stays": {"Value": "1"},
        "Old": {"Value": "1"},
        "Plain": {"Value": "1"},
        "Moves": {"Value": "1"},
    }
    after = {"Stays": {"Value": "1"}, "New": {"Value": "1", **export}, "Plain": {"Value": "2"}}
    after |= {"Moves": {"Value": "1", "Export": {"Name": "x-Moves"}}}
    arn = {"Arn": {"Value": {"Ref": "Topic"}}}
    found = compare(
        {"a": template(topic, Outputs=before | arn)}, {"a": template(renamed, Outputs=after | arn)}
    )["a"].outputs
    assert {one.output: (one.action, one.before, one.after, one.export) for one in found} == {
        "New": ("add", None, "1", "x-Extra"),
        "Plain": ("change", "1", "2", ""),
        "Moves": ("change", "1", "1", "x-Moves"),
        "Arn": ("change", "${Topic}", "${Topic}", ""),
        "Old": ("remove", "1", None, ""),
    }
    assert {one.output: one.because for one in found if one.because} == {
        "Moves": "it was not exported",
        "Arn": "Topic is replaced",
    }


def test_secret_that_changes_is_told_and_not_shown() -> None:
    hidden = {"Word": {"Type": "String", "NoEcho": "true"}}
    layer = {
        "a": template(
            {"It": {"Type": "AWS::SSM::Parameter", "Properties": {"Value": {"Fn::Sub": "a${Word}"}}}},
            Parameters=hidden,
            Outputs={"Given": {"Value": {"Ref": "Word"}}},
        )
    }
    found = compare(layer, layer, parameters=({"Word": "first"}, {"Word": "second"}))["a"]
    assert "first" not in repr(found)
    assert "second" not in repr(found)
    (value,) = found.resources[0].properties
    assert (value.path, value.before, value.after) == ("/Properties/Value", "a****", "a****")
    assert value.because == found.outputs[0].because == "a NoEcho value in it changes"
    assert [(one.path, one.before, one.after) for one in found.parameters] == [("Word", "****", "****")]
    assert compare(layer, layer, parameters=({"Word": "x"}, {"Word": "x"}))["a"].action == "nothing"
