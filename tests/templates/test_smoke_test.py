"""The smoke test: what it finds, what it answers CodeDeploy, and what the template gives it."""

import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from ecs_blue_green.testing import listener
from ecs_blue_green.testing.listener import Listener, listening

from templates import infrastructure, service_preference
from templates.service_preference.hooks import smoke_test
from templates.service_preference.smoke_test import WAIT_SECONDS

ROOT = Path(__file__).parents[2]
TEMPLATE: dict[str, Any] = service_preference.build().to_dict()
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
EVENT = {"DeploymentId": "d-1", "LifecycleEventHookExecutionId": "e-1"}


@pytest.fixture
def server() -> Iterator[Listener]:
    with listening() as listener:
        yield listener


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        return listener.certificate(tmp_path_factory.mktemp("certificate"), "shop.example")
    except FileNotFoundError:
        pytest.skip("openssl is not installed")


@pytest.fixture
def secure_server(certificate: Path) -> Iterator[Listener]:
    with listening(certificate) as listener:
        yield listener


class Context:
    """What Lambda says about the time that is left."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return round(self.seconds * 1000)


class Aws:
    """The two APIs that the function calls."""

    def __init__(self) -> None:
        self.addresses = ["127.0.0.1"]
        self.filters: dict[str, list[str]] = {}
        self.answers: list[dict[str, str]] = []

    def client(self, _service: str, **_options: Any) -> "Aws":
        return self

    def describe_network_interfaces(self, Filters: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        self.filters = {wanted["Name"]: wanted["Values"] for wanted in Filters}
        return {"NetworkInterfaces": [{"PrivateIpAddress": address} for address in self.addresses]}

    def put_lifecycle_event_hook_execution_status(self, **answer: str) -> None:
        self.answers.append(answer)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    aws = Aws()
    monkeypatch.setattr(boto3, "client", aws.client)
    return aws


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The function's variables: the template's defaults where it has any."""
    for name, value in variables().items():
        if "Ref" in value and "Default" in TEMPLATE["Parameters"][value["Ref"]]:
            monkeypatch.setenv(name, str(TEMPLATE["Parameters"][value["Ref"]]["Default"]))
    monkeypatch.setenv("WAIT_SECONDS", "0")
    monkeypatch.setenv("PORT", "0")
    monkeypatch.setenv("HOST", "lb.example")
    monkeypatch.setenv("LOAD_BALANCER", "app/sample/0123")
    monkeypatch.setenv("SECURITY_GROUP", "sg-1")


def variables() -> dict[str, Any]:
    found: dict[str, Any] = RESOURCES["SmokeTestFunction"]["Properties"]["Environment"]["Variables"]
    return {name: value for name, value in found.items() if isinstance(value, dict)}


def run(port: int, capsys: pytest.CaptureFixture[str], seconds: float = 60) -> dict[str, Any]:
    """Have CodeDeploy call the function; give the line that it logs."""
    os.environ["PORT"] = str(port)
    smoke_test.handler(EVENT, Context(seconds))
    line: dict[str, Any] = json.loads(capsys.readouterr().out)
    return line


# What the function does


def test_good_version_succeeds(server: Listener, aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    line = run(server.server_port, capsys)
    assert aws.answers == [
        {"deploymentId": "d-1", "lifecycleEventHookExecutionId": "e-1", "status": "Succeeded"}
    ]
    assert (line["status"], line["problems"]) == ("Succeeded", [])
    assert {path: (one["requests"], one["errors"]) for path, one in line["paths"].items()} == {
        "/health": (25, {}),
        "/": (25, {}),
    }
    assert Counter(server.asked) == {("/health", "lb.example"): 25, ("/", "lb.example"): 25}


def test_disabled_it_lets_a_release_from_before_be_rolled_back_to(
    server: Listener, aws: Aws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMOKE_TEST", "disabled")
    server.statuses = {"/health": 503, "/": 503}
    assert run(server.server_port, capsys)["status"] == "Succeeded"
    assert [answer["status"] for answer in aws.answers] == ["Succeeded"]
    assert server.asked == []


def test_load_balancer_is_found_by_its_own_interfaces(
    server: Listener, aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    run(server.server_port, capsys)
    assert aws.filters == {"group-id": ["sg-1"], "description": ["ELB app/sample/0123"]}


def test_errors_of_one_path_fail(server: Listener, aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    server.statuses["/"] = 503
    line = run(server.server_port, capsys)
    assert aws.answers[0]["status"] == "Failed"
    assert line["problems"] == ["/: 25 of 25 answers are errors (503 25 times), at most 5 % may be"]


@pytest.mark.parametrize("status", [301, 304, 400, 401, 404, 500])
def test_every_status_but_success_is_an_error(
    status: int, server: Listener, aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also a redirect, with which nothing of the application has run yet."""
    server.statuses = {"/health": status, "/": status}
    line = run(server.server_port, capsys)
    assert aws.answers[0]["status"] == "Failed"
    assert {path: one["errors"] for path, one in line["paths"].items()} == {
        "/health": {str(status): 25},
        "/": {str(status): 25},
    }
    assert [problem.split(":")[0] for problem in line["problems"]] == ["/health", "/"]


def test_path_names_the_statuses_that_pass(
    server: Listener, aws: Aws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server.statuses = {"/admin": 401, "/old": 308, "/any": 302}
    monkeypatch.setenv("PATHS", "/,/admin 401,/old 301 308,/any 200-399")
    line = run(server.server_port, capsys)
    assert (line["status"], list(line["paths"])) == (
        "Succeeded",
        ["/", "/admin 401", "/old 301 308", "/any 200-399"],
    )
    assert {path for path, _ in server.asked} == {"/", "/admin", "/old", "/any"}


def test_status_that_is_not_the_named_one_is_an_error(
    server: Listener, aws: Aws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An administration that suddenly lets everybody in."""
    monkeypatch.setenv("PATHS", "/admin 401,/")
    line = run(server.server_port, capsys)
    assert line["problems"] == ["/admin 401: 25 of 25 answers are errors (200 25 times), at most 5 % may be"]


def test_errors_are_judged_for_each_path(
    server: Listener, aws: Aws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """That other paths answer well halves no share."""
    server.ill = {"/": 2}
    line = run(server.server_port, capsys)
    assert line["problems"] == ["/: 2 of 25 answers are errors (503 2 times), at most 5 % may be"]
    server.ill = {"/": 1}
    line = run(server.server_port, capsys)
    assert (line["problems"], line["paths"]["/"]["errors"]) == ([], {"503": 1})


def test_errors_below_the_limit_pass(
    server: Listener, aws: Aws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server.statuses["/"] = 503
    monkeypatch.setenv("MAX_FIVE_XX_PERCENT", "100")
    assert run(server.server_port, capsys)["status"] == "Succeeded"


def test_every_path_is_asked(
    server: Listener, aws: Aws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS", "1")
    server.statuses["/"] = 503
    assert run(server.server_port, capsys)["status"] == "Failed"


def test_slow_answer_fails(
    server: Listener, aws: Aws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server.seconds = 0.3
    monkeypatch.setenv("REQUESTS", "2")
    monkeypatch.setenv("MAX_LATENCY_MS", "200")
    line = run(server.server_port, capsys)
    assert line["status"] == "Failed"
    assert re.fullmatch(r"/health: the latency is \d+ ms, at most 200 ms may be", line["problems"][0])


@pytest.mark.parametrize(("requests", "slow", "passes"), [(19, 1, False), (20, 1, True), (20, 2, False)])
def test_latency_is_the_95th_percentile_of_a_path_or_the_slowest_of_few(
    requests: int, slow: int, *, passes: bool
) -> None:
    latency = smoke_test.percentile_95([0.01] * (requests - slow) + [3.0] * slow)
    assert latency == (0.01 if passes else 3.0)


def test_latency_is_judged_for_each_path(
    server: Listener, aws: Aws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One slow path among ten is more than five percent of its own answers."""
    monkeypatch.setenv("PATHS", ",".join(f"/{number}" for number in range(9)) + ",/slow")
    monkeypatch.setenv("MAX_LATENCY_MS", "150")
    server.slow = {"/slow": 0.2}
    line = run(server.server_port, capsys)
    assert [problem.split(":")[0] for problem in line["problems"]] == ["/slow"]


def test_no_answer_fails(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    with listening() as closed:
        port = closed.server_port
    line = run(port, capsys)
    assert line["status"] == "Failed"
    ((answer, count),) = line["paths"]["/"]["errors"].items()
    assert (answer.startswith("ConnectionRefusedError"), count) == (True, 25)


def test_missing_load_balancer_fails(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.addresses = []
    line = run(1, capsys)
    assert aws.answers[0]["status"] == "Failed"
    assert "no network interface" in line["problems"][0]


def test_function_answers_before_it_is_killed(
    server: Listener, aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ten seconds before its own end, however far it has come."""
    server.seconds = 0.1
    line = run(server.server_port, capsys, seconds=10.3)
    assert aws.answers[0]["status"] == "Failed"
    assert re.search(r"no time left after [1-9] of 50 requests", line["problems"][0])


def test_server_that_never_answers_fails_in_time(
    server: Listener, aws: Aws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server.seconds = 0.5
    monkeypatch.setenv("REQUESTS", "2")
    monkeypatch.setenv("MAX_LATENCY_MS", "50")
    line = run(server.server_port, capsys)
    assert [one["errors"] for one in line["paths"].values()] == [{"TimeoutError('timed out')": 1}] * 2


def test_users_name_is_asked_for(
    server: Listener, aws: Aws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMOKE_HOST", "shop.example")
    assert run(server.server_port, capsys)["status"] == "Succeeded"
    assert {host for _, host in server.asked} == {"shop.example"}


def test_https_is_asked_with_the_users_name_and_the_certificate_must_be_for_it(
    secure_server: Listener,
    certificate: Path,
    aws: Aws,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PROTOCOL", "HTTPS")
    monkeypatch.setenv("SMOKE_HOST", "shop.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert run(secure_server.server_port, capsys)["status"] == "Succeeded"
    assert {host for _, host in secure_server.asked} == set(secure_server.names) == {"shop.example"}

    monkeypatch.setenv("SMOKE_HOST", "other.example")
    line = run(secure_server.server_port, capsys)
    assert line["status"] == "Failed"
    assert "certificate is not valid for 'other.example'" in line["problems"][0]


def test_certificate_of_an_unknown_authority_fails(
    secure_server: Listener, aws: Aws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROTOCOL", "HTTPS")
    monkeypatch.setenv("SMOKE_HOST", "shop.example")
    assert "CERTIFICATE_VERIFY_FAILED" in run(secure_server.server_port, capsys)["problems"][0]


def test_https_without_the_users_name_takes_any_certificate(
    secure_server: Listener, aws: Aws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is for a name that nobody has said; the address is that of the load balancer's own interface."""
    monkeypatch.setenv("PROTOCOL", "HTTPS")
    assert run(secure_server.server_port, capsys)["status"] == "Succeeded"
    assert {host for _, host in secure_server.asked} == set(secure_server.names) == {"lb.example"}


def test_http_on_a_listener_that_speaks_https_says_so(
    server: Listener, aws: Aws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROTOCOL", "HTTPS")
    assert "SSL" in run(server.server_port, capsys)["problems"][0]


def test_variables_that_are_newer_than_the_function_may_be_missing(
    server: Listener, aws: Aws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lambda updates the code before the variables."""
    for name in ("SMOKE_TEST", "PROTOCOL", "SMOKE_HOST"):
        monkeypatch.delenv(name, raising=False)
    assert run(server.server_port, capsys)["status"] == "Succeeded"


def test_call_that_keeps_the_function_awake_does_nothing(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    (target,) = RESOURCES["SmokeTestRule"]["Properties"]["Targets"]
    smoke_test.handler(json.loads(target["Input"]), Context(60))
    assert (aws.filters, aws.answers, capsys.readouterr().out) == ({}, [], "")


# What the template gives it


def test_function_runs_the_reviewed_code() -> None:
    function = RESOURCES["SmokeTestFunction"]["Properties"]
    assert function["Code"]["ZipFile"] == Path(smoke_test.__file__).read_text()
    assert function["Handler"] == "index.handler"


def test_function_is_given_every_variable_that_it_reads() -> None:
    read = set(re.findall(r'environ(?:\[|\.get\()"(\w+)"', Path(smoke_test.__file__).read_text()))
    assert read == set(RESOURCES["SmokeTestFunction"]["Properties"]["Environment"]["Variables"])


@pytest.mark.parametrize("paths", ["/health,/", "/a?b=c-d.e,/x", "/admin 401", "/,/a 401 403,/b 200-399 404"])
def test_paths_and_their_statuses_are_taken(paths: str) -> None:
    assert re.fullmatch(TEMPLATE["Parameters"]["SmokePaths"]["AllowedPattern"], paths)


@pytest.mark.parametrize(
    "paths", ["", "health", "/ 20", "/ 600", "/ 100", "/ 200-", "/ ok", "/  200", "/ 200,", "/a b"]
)
def test_paths_that_are_none_are_not_taken(paths: str) -> None:
    assert not re.fullmatch(TEMPLATE["Parameters"]["SmokePaths"]["AllowedPattern"], paths)


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        *((name, True) for name in ("", "shop.example.com", "localhost")),
        *(
            (name, False)
            for name in ("shop.example.com:443", "https://shop.example.com", "shop.example.com/", "a b")
        ),
    ],
)
def test_host_is_a_name(name: str, is_one: bool) -> None:
    assert bool(re.fullmatch(TEMPLATE["Parameters"]["SmokeHost"]["AllowedPattern"], name)) == is_one


def test_function_speaks_what_the_listener_does() -> None:
    variables = RESOURCES["SmokeTestFunction"]["Properties"]["Environment"]["Variables"]
    assert variables["PROTOCOL"] == {"Fn::If": ["IsTestListenerHttps", "HTTPS", "HTTP"]}
    assert variables["SMOKE_HOST"]["Fn::If"] == [
        "HasSmokeHost",
        {"Ref": "SmokeHost"},
        {"Fn::If": ["HasDomain", {"Ref": "DomainName"}, {"Ref": "AWS::NoValue"}]},
    ]
    listener = infrastructure.build().to_dict()
    assert TEMPLATE["Conditions"]["IsTestListenerHttps"] == listener["Conditions"]["IsTestListenerHttps"]


def test_variables_fit_into_what_a_function_may_have() -> None:
    """4 KB: names and values, each as long as it can be."""
    longest = {
        "LOAD_BALANCER": len("app/") + 32 + len("/0123456789abcdef"),
        "SECURITY_GROUP": len("sg-0123456789abcdef0"),
        # <name>-<number>.<region>.elb.amazonaws.com.cn, names of 32 characters
        "HOST": 100,
        "SMOKE_HOST": int(TEMPLATE["Parameters"]["SmokeHost"]["MaxLength"]),
        "PROTOCOL": len("HTTPS"),
    }
    size = 0
    found = RESOURCES["SmokeTestFunction"]["Properties"]["Environment"]["Variables"]
    for name, value in found.items():
        declared = TEMPLATE["Parameters"].get(value.get("Ref"), {}) if isinstance(value, dict) else {}
        size += len(name) + longest.get(name, 0)
        size += int(declared.get("MaxLength", 0)) or max(
            len(str(one)) for one in [*declared.get("AllowedValues", []), declared.get("MaxValue", "")]
        )
    assert 3400 < size <= 4096


def test_function_has_time_for_every_request_at_its_slowest() -> None:
    defaults = {
        name: TEMPLATE["Parameters"][name]["Default"] for name in ("SmokeRequests", "SmokeMaxLatencyMs")
    }
    slowest = 2 * defaults["SmokeMaxLatencyMs"] / 1000 * defaults["SmokeRequests"]
    needed = WAIT_SECONDS + slowest + smoke_test.ANSWER_SECONDS
    assert needed <= RESOURCES["SmokeTestFunction"]["Properties"]["Timeout"]


def test_function_is_there_when_it_is_switched_off_for_a_release_that_is_rolled_back_to() -> None:
    resources = {title: resource for title, resource in RESOURCES.items() if title.startswith("SmokeTest")}
    assert len(resources) == 7
    assert {resource.get("Condition") for resource in resources.values()} == {None}
    assert TEMPLATE["Parameters"]["SmokeTest"]["Default"] == "enabled"


def test_exports_can_stay() -> None:
    """An export in use cannot change, and the pipeline uses these."""
    assert TEMPLATE["Outputs"]["SmokeTestFunctionName"]["Value"] == {
        "Fn::Sub": "${Project}-${Environment}-smoke-test"
    }
    assert TEMPLATE["Outputs"]["NotificationTopicArn"]["Value"] == {"Ref": "NotificationTopic"}
    assert "Condition" not in RESOURCES["NotificationTopic"]


def test_load_balancer_lets_the_function_in_at_the_test_listener_alone() -> None:
    rule = RESOURCES["SmokeTestSecurityGroupIngress"]["Properties"]
    assert rule["FromPort"] == rule["ToPort"] == {"Ref": "TestListenerPort"}
    assert rule["SourceSecurityGroupId"] == {"Ref": "SmokeTestSecurityGroup"}
    assert "CidrIp" not in rule
    group = RESOURCES["SmokeTestSecurityGroup"]["Properties"]
    assert "SecurityGroupIngress" not in group
    assert [egress["ToPort"] for egress in group["SecurityGroupEgress"]] == [443, {"Ref": "TestListenerPort"}]


def test_function_stays_awake_between_releases() -> None:
    """Lambda takes the network from a function that nobody calls for 14 days; the next call then fails."""
    rule = RESOURCES["SmokeTestRule"]["Properties"]
    match = re.fullmatch(r"rate\((\d+) days\)", rule["ScheduleExpression"])
    assert match and int(match[1]) < 14
    assert rule["Targets"][0]["Arn"] == {"Fn::GetAtt": ["SmokeTestFunction", "Arn"]}
    permission = RESOURCES["SmokeTestPermission"]["Properties"]
    assert permission["FunctionName"] == {"Ref": "SmokeTestFunction"}
    assert permission["Principal"] == "events.amazonaws.com"
    assert permission["SourceArn"] == {"Fn::GetAtt": ["SmokeTestRule", "Arn"]}


def test_network_interfaces_can_be_removed_when_the_stack_goes() -> None:
    """Lambda removes them in the function's role, and they keep the group from being deleted."""
    assert RESOURCES["SmokeTestSecurityGroup"]["DependsOn"] == ["SmokeTestRole"]


def test_rule_on_another_layers_group_is_no_drift_there() -> None:
    """CloudFormation compares the rules that a template lists, and cannot see those of other stacks."""
    owner = infrastructure.build().to_dict()
    rule = RESOURCES["SmokeTestSecurityGroupIngress"]["Properties"]["GroupId"]["Fn::ImportValue"]["Fn::Sub"]
    _, title = rule.split("-", 1)
    named, _ = owner["Outputs"][title]["Value"]["Fn::GetAtt"]
    assert "SecurityGroupIngress" not in owner["Resources"][named]["Properties"]
    assert {"Fn::GetAtt": [named, "GroupId"]} in owner["Resources"]["LoadBalancer"]["Properties"][
        "SecurityGroups"
    ]


def test_topic_takes_what_eventbridge_publishes() -> None:
    """AWS documents no condition that such a policy could have."""
    statement, _ = RESOURCES["NotificationTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": ["events.amazonaws.com"]}
    assert statement["Resource"] == [{"Ref": "NotificationTopic"}]
    assert "Condition" not in statement


def test_topic_takes_the_alarms_of_this_environment_and_no_others() -> None:
    _, statement = RESOURCES["NotificationTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": ["cloudwatch.amazonaws.com"]}
    assert statement["Action"] == ["sns:Publish"]
    assert statement["Resource"] == [{"Ref": "NotificationTopic"}]
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    alarms = statement["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Sub"]
    assert alarms.endswith(":alarm:${Project}-${Environment}-*")


def test_role_is_for_functions_of_this_account() -> None:
    (statement,) = RESOURCES["SmokeTestRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": ["lambda.amazonaws.com"]}
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_topic_is_encrypted_with_a_key_of_the_user_or_not_at_all() -> None:
    key = RESOURCES["NotificationTopic"]["Properties"]["KmsMasterKeyId"]["Fn::If"]
    assert key == ["HasNotificationKey", {"Ref": "NotificationKeyArn"}, {"Ref": "AWS::NoValue"}]
    assert TEMPLATE["Parameters"]["NotificationKeyArn"]["Default"] == ""
