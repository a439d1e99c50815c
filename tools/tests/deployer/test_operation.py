"""Operations are watched to their end, whatever AWS answers in between."""

import threading
import time
from collections.abc import Callable

import pytest
from botocore.exceptions import ConnectionClosedError

from ecs_blue_green.deployer import clock
from ecs_blue_green.deployer.cloudformation import watch
from ecs_blue_green.deployer.cloudformation.change_sets import ChangeSet
from ecs_blue_green.deployer.cloudformation.describe import Event, Stack
from ecs_blue_green.deployer.cloudformation.describe import stack as describe
from ecs_blue_green.deployer.cloudformation.operation import LostSight, Operations, StackFailed
from ecs_blue_green.deployer.cloudformation.watch import Watch
from tests.deployer.fake_cloudformation import Clock, FakeCloudFormation, arn, error


@pytest.fixture
def clocked(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(clock, "monotonic", made)
    return made


@pytest.fixture
def aws(clocked: Clock) -> FakeCloudFormation:
    return FakeCloudFormation(clocked)


def before(aws: FakeCloudFormation, name: str = "shop") -> Stack:
    found = describe(aws, name)  # type: ignore[arg-type]
    assert found is not None
    return found


def execute(
    aws: FakeCloudFormation, stack: Stack | None, told: list[Event] | None = None, name: str = "shop"
) -> Stack:
    change_set = ChangeSet("arn:aws:changeset", arn(name), ())
    events = told if told is not None else []
    operations = Operations(aws, Watch(aws), lambda layer, event: events.append(event))
    return operations.execute("service", change_set, stack, aws.clock.sleep)


def test_update_is_over_when_its_own_end_is_shown(aws: FakeCloudFormation) -> None:
    aws.script("shop", (0, "UPDATE_COMPLETE"))
    stack = before(aws)
    aws.script("shop", (0, "UPDATE_IN_PROGRESS"), (30, "UPDATE_COMPLETE"), begun=1)
    told: list[Event] = []
    assert execute(aws, stack, told).status == "UPDATE_COMPLETE"
    assert [event.status for event in told] == ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"]
    assert aws.clock.now >= 30
    assert aws.clock.now <= 30 * 1.1 + 1


def test_old_answers_after_an_execution_are_no_end(aws: FakeCloudFormation) -> None:
    """AWS may show the stack as it was before for a while: updated successfully, the time before."""
    aws.script("shop", (0, "UPDATE_COMPLETE"))
    stack = before(aws)
    aws.script("shop", (0, "UPDATE_COMPLETE"))

    def refresh(operation: str) -> None:
        aws.begun["shop"] = 0 if aws.clock.now < 20 else 1

    aws.trouble = refresh
    aws.script("shop", (0, "UPDATE_COMPLETE"), (20, "UPDATE_IN_PROGRESS"), (40, "UPDATE_ROLLBACK_COMPLETE"))
    with pytest.raises(StackFailed, match="UPDATE_ROLLBACK_COMPLETE"):
        execute(aws, stack)
    assert aws.clock.now >= 40


def test_new_stack_that_is_still_shown_as_in_review_is_no_end(aws: FakeCloudFormation) -> None:
    aws.script("shop", (0, "REVIEW_IN_PROGRESS"), (15, "CREATE_IN_PROGRESS"), (20, "CREATE_COMPLETE"))
    assert execute(aws, None).status == "CREATE_COMPLETE"
    assert aws.clock.now >= 20


def test_first_failure_is_the_reason(aws: FakeCloudFormation) -> None:
    aws.script("shop", (0, "CREATE_IN_PROGRESS"), (5, "ROLLBACK_COMPLETE"))

    def tell(operation: str) -> None:
        if operation == "ExecuteChangeSet":
            token = aws.token
            aws.event("shop", "CREATE_IN_PROGRESS", token=token)
            aws.event("shop", "CREATE_FAILED", token=token, resource="Topic", reason="Quota exceeded.")
            aws.event(
                "shop", "CREATE_FAILED", token=token, resource="Other", reason="Resource creation cancelled"
            )
            aws.event("shop", "ROLLBACK_COMPLETE", token=token)

    aws.trouble = tell
    with pytest.raises(StackFailed) as caught:
        execute(aws, None)
    assert caught.value.why == "Topic (AWS::SNS::Topic): Quota exceeded"
    assert caught.value.status == "ROLLBACK_COMPLETE"
    assert [(event.logical_id, event.reason) for event in caught.value.failed] == [
        ("Topic", "Quota exceeded.")
    ]


def test_failure_of_an_earlier_operation_is_no_reason(aws: FakeCloudFormation) -> None:
    aws.event("shop", "UPDATE_IN_PROGRESS", token="another")
    aws.event("shop", "UPDATE_FAILED", token="another", resource="Topic", reason="Long ago")
    aws.event("shop", "UPDATE_ROLLBACK_COMPLETE", token="another")
    aws.script("shop", (0, "UPDATE_ROLLBACK_COMPLETE"))
    stack = before(aws)
    aws.script("shop", (0, "UPDATE_ROLLBACK_COMPLETE"), begun=1)
    with pytest.raises(StackFailed) as caught:
        execute(aws, stack)
    assert "Long ago" not in caught.value.why


@pytest.mark.parametrize(
    "lost",
    [
        pytest.param(error("InvalidChangeSetStatus"), id="sent again"),
        pytest.param(ConnectionClosedError(endpoint_url="https://aws"), id="connection lost"),
    ],
)
def test_execution_whose_answer_was_lost_is_followed(lost: Exception, aws: FakeCloudFormation) -> None:
    aws.script("shop", (0, "CREATE_IN_PROGRESS"), (5, "CREATE_COMPLETE"))
    aws.execution_status = "EXECUTE_IN_PROGRESS"
    aws.trouble = _raising("ExecuteChangeSet", lost)
    assert execute(aws, None).status == "CREATE_COMPLETE"
    assert aws.calls["ExecuteChangeSet"] == 1


def test_execution_that_was_refused_has_not_begun(aws: FakeCloudFormation) -> None:
    aws.trouble = _raising("ExecuteChangeSet", error("InvalidChangeSetStatus", "is in OBSOLETE state"))
    with pytest.raises(type(error("x")), match="OBSOLETE"):
        execute(aws, None)


def test_execution_of_which_nothing_is_known_may_be_running(aws: FakeCloudFormation) -> None:
    gone = ConnectionClosedError(endpoint_url="https://aws")
    aws.trouble = _raising("", gone)
    with pytest.raises(LostSight, match="whether the operation has started"):
        execute(aws, None)


def test_throttled_looks_are_borne_and_asked_less_often(aws: FakeCloudFormation) -> None:
    aws.script("shop", (0, "CREATE_IN_PROGRESS"), (100, "CREATE_COMPLETE"))

    def throttle(operation: str) -> None:
        if operation == "DescribeStacks" and 10 < aws.clock.now < 60:
            raise error("Throttling")

    aws.trouble = throttle
    assert execute(aws, None).status == "CREATE_COMPLETE"
    throttled = aws.calls["DescribeStacks"]
    aws.trouble = lambda operation: None
    aws.calls.clear()
    aws.clock.now = 0
    execute(aws, None)
    assert throttled < aws.calls["DescribeStacks"]


def test_lasting_trouble_loses_an_operation_from_sight(aws: FakeCloudFormation) -> None:
    aws.script("shop", (0, "CREATE_IN_PROGRESS"))
    aws.trouble = _raising("DescribeStacks", error("InternalFailure", status=500))
    with pytest.raises(LostSight, match="still in progress"):
        execute(aws, None)
    assert watch.PATIENCE_SECONDS < aws.clock.now < 2 * watch.PATIENCE_SECONDS


def test_expired_credentials_lose_it_at_once(aws: FakeCloudFormation) -> None:
    aws.script("shop", (0, "CREATE_IN_PROGRESS"))
    aws.trouble = _raising("DescribeStacks", error("ExpiredToken", "expired"))
    with pytest.raises(LostSight) as caught:
        execute(aws, None)
    assert "log in again" in caught.value.remedy
    assert aws.calls["DescribeStacks"] == 1


def test_stack_that_is_gone_after_its_deletion_is_a_success(aws: FakeCloudFormation) -> None:
    aws.script("shop", (0, "CREATE_COMPLETE"))
    stack = before(aws)
    aws.script("shop", (0, "DELETE_IN_PROGRESS"), (5, "DELETE_COMPLETE"))
    told: list[Event] = []
    operations = Operations(aws, Watch(aws), lambda layer, event: told.append(event))
    operations.delete("service", stack, aws.clock.sleep)
    assert [event.status for event in told] == ["DELETE_IN_PROGRESS", "DELETE_COMPLETE"]


def test_deletion_that_cloudformation_cancels_is_told_with_its_reason(aws: FakeCloudFormation) -> None:
    aws.script("shop", (0, "CREATE_COMPLETE"))
    stack = before(aws)

    def tell(operation: str) -> None:
        if operation == "DeleteStack":
            reason = "Export x cannot be deleted as it is in use by other"
            aws.event("shop", "CREATE_COMPLETE", token=aws.token, reason=reason)

    aws.trouble = tell
    with pytest.raises(StackFailed, match="in use by other"):
        Operations(aws, Watch(aws), lambda layer, event: None).delete("service", stack, aws.clock.sleep)


def test_stack_that_somebody_deletes_meanwhile_is_said_to_be_gone(aws: FakeCloudFormation) -> None:
    aws.script("shop", (0, "UPDATE_COMPLETE"))
    stack = before(aws)
    aws.script("shop", (0, "DELETE_COMPLETE"))
    aws.event("shop", "DELETE_COMPLETE", token="another")
    with pytest.raises(StackFailed, match="no longer exists"):
        execute(aws, stack)


@pytest.mark.parametrize("denied", [False, True], ids=["list", "no permission to list"])
def test_many_stacks_are_asked_about_in_one_call(denied: bool, aws: FakeCloudFormation) -> None:
    """Six operations of different lengths cost about as many questions as the longest alone."""
    ends = dict(zip("abcdef", (20, 40, 60, 80, 100, 120), strict=True))
    if denied:
        aws.trouble = _raising("ListStacks", error("AccessDenied"))
    alone = _questions(aws, {"f": 120})
    together = _questions(aws, ends)
    assert aws.clock.now <= 120 * 1.25
    if not denied:
        assert together <= alone + 2 * len(ends)
    assert together <= alone * len(ends)


def _questions(aws: FakeCloudFormation, ends: dict[str, int]) -> int:
    """How many questions it takes to see all these operations end; each on a thread of its own."""
    over = 0

    def look(where: str) -> None:
        nonlocal over
        looks.until(where, lambda stack: stack is not None and not stack.moving, sleep, lambda event: None)
        over += 1

    aws.clock.now = 0
    aws.calls.clear()
    looks = Watch(aws)
    threads = []

    def sleep(seconds: float) -> None:
        while len(looks._watched) + over < len(ends):
            time.sleep(0.001)  # until all have begun
        aws.clock.sleep(seconds)

    for name, end in ends.items():
        where = aws.script(name, (0, "CREATE_IN_PROGRESS"), (end, "CREATE_COMPLETE"))
        threads.append(threading.Thread(target=lambda where=where: look(where)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    return sum(aws.calls.values())


def _raising(operation: str, what: Exception) -> Callable[[str], None]:
    def trouble(asked: str) -> None:
        if not operation or asked == operation:
            raise what

    return trouble
