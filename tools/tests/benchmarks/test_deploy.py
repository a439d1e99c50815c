"""The comparison of the deployers: what is deployed, what is counted, how slowness is made."""

import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.deploy import __main__ as benchmark
from benchmarks.deploy import counting, growth, measure, path, picture, sets, tables, targets
from benchmarks.deploy.deployers import AWS_CLI, CORE, OURS, SCEPTRE, version
from benchmarks.deploy.growth import Series
from benchmarks.deploy.measure import Pair, Run
from benchmarks.deploy.operation import Operation
from benchmarks.deploy.project import read
from benchmarks.deploy.server import CALLS
from benchmarks.deploy.times import USUAL
from benchmarks.target import Target
from ecs_blue_green.deployer import layers
from tests.paths import PROJECT

WAITS_FOR = {
    "chain": {"layer-000": set(), "layer-001": {"layer-000"}, "layer-002": {"layer-001"}},
    "fan": {"layer-000": set(), "layer-001": {"layer-000"}, "layer-002": {"layer-000"}},
    "independent": {"layer-000": set(), "layer-001": set(), "layer-002": set()},
}


@pytest.mark.parametrize("shape", sets.SHAPES)
def test_layers_of_a_set_wait_for_each_other_as_its_shape_says(shape: str, tmp_path: Path) -> None:
    sets.write(tmp_path, shape, 3)
    assert read(tmp_path).waits_for == WAITS_FOR[shape]


def test_templates_of_a_set_are_valid(tmp_path: Path) -> None:
    sets.write(tmp_path, "chain", 2)
    command = [
        str(Path(sys.executable).with_name("cfn-lint")),
        "--regions",
        "ap-northeast-1",
        "--",
        "build/*.yaml",
    ]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (0, ""), run.stdout + run.stderr


def test_a_set_is_created_slowly_and_the_calls_are_counted() -> None:
    scale = 0.05
    pair = measure.both(CORE, measure.synthetic("chain", 2), scale)
    least = scale * 2 * (USUAL.change_set + USUAL.stack + USUAL.other)
    assert least * 0.95 <= pair.critical_path <= least + 5.0
    assert pair.created.seconds > pair.critical_path
    assert pair.created.calls_by_service["cloudformation"] > pair.again.calls_by_service["cloudformation"] > 0
    assert pair.created.calls == sum(pair.created.calls_by_service.values())
    # The lock is in the Parameter Store.
    assert pair.again.calls_by_service["ssm"] > 0


def test_each_call_is_counted_once(tmp_path: Path) -> None:
    with measure.served(tmp_path, "ap-northeast-1", 0.0) as server:
        client = server.client()
        for _ in range(3):
            client.describe_stacks()
        client.list_stacks()
        assert counting.read(tmp_path / CALLS) == {"cloudformation": 4}
    lines = (tmp_path / CALLS).read_text().splitlines()
    assert Counter(lines) == {"cloudformation DescribeStacks": 3, "cloudformation ListStacks": 1}


def test_a_call_is_named_by_its_request() -> None:
    signed = [
        (b"Authorization", b"AWS4-HMAC-SHA256 Credential=test/20260101/ap-northeast-1/ssm/aws4_request")
    ]
    assert counting.call([*signed, (b"X-Amz-Target", b"AmazonSSM.PutParameter")], b"{}") == "ssm PutParameter"
    assert counting.call(signed, b"Action=ListStacks&Version=1") == "ssm ListStacks"
    assert counting.call([], b"") == "? ?"


def test_resources_are_made_side_by_side_each_after_what_it_refers_to() -> None:
    operation = Operation({"Role": set(), "Other": set(), "Function": {"Role"}}, began=100.0)
    assert operation.ready_at("Role", 18.0) == 118.0
    assert operation.ready_at("Other", 5.0) == 105.0
    assert operation.ready_at("Function", 12.0) == 130.0


def test_every_type_with_a_time_is_in_the_templates() -> None:
    used = {
        resource["Type"]
        for layer in layers.read(PROJECT / "build").values()
        for resource in layer.resources.values()
    }
    assert USUAL.resources.keys() <= used


def test_longest_path_is_the_longest_sum() -> None:
    waits_for = {"a": set(), "b": {"a"}, "c": {"a"}, "d": {"b", "c"}}
    assert path.longest(waits_for, {"a": 1.0, "b": 10.0, "c": 2.0, "d": 3.0}) == 14.0


def test_peers_are_locked() -> None:
    assert version("sceptre") and version("awscli")


def pair(created: float, calls: int, again: float = 1.0, path: float = 100.0) -> Pair:
    return Pair(Run(created, {"cloudformation": calls}), path, Run(again, {"cloudformation": calls}))


def test_fastest_takes_each_run_by_itself() -> None:
    found = measure.fastest([pair(5.0, 7, again=1.0), pair(3.0, 9, again=2.0)])
    assert (found.created.seconds, found.created.calls, found.again.seconds) == (3.0, 9, 1.0)


def test_targets_are_missed_on_their_wrong_side() -> None:
    good = {OURS.name: pair(2.0, 9), SCEPTRE.name: pair(10.0, 10), AWS_CLI.name: pair(5.0, 10)}
    bad = {OURS.name: pair(111.0, 28, again=2.0), SCEPTRE.name: pair(20.0, 10), AWS_CLI.name: pair(5.0, 10)}
    assert all(target.reached for target in (*targets.of_plain(good), *targets.of_slow(good)))
    assert not any(target.reached for target in (*targets.of_plain(bad), *targets.of_slow(bad)))
    assert "MISSED" in str(Target("time", 1.2, 1.1)) and "reached" in str(Target("time", 1.1, 1.1))


def made_up() -> list[Series]:
    shapes = [(name, shape) for name in (CORE.name, SCEPTRE.name) for shape in sets.SHAPES]
    shapes.append((AWS_CLI.name, "chain"))
    pairs = {count: pair(count * 0.2 + 1, count * 5 + 10) for count in growth.SIZES}
    return [Series(name, shape, pairs) for name, shape in shapes]


def test_growth_is_the_cost_a_layer() -> None:
    found = targets.of_growth(made_up())
    assert len(found) == 2 * len(sets.SHAPES) and all(target.reached for target in found)
    quadratic = {count: pair(count * count, count * count) for count in growth.SIZES}
    assert not any(target.reached for target in targets.of_growth([Series(CORE.name, "fan", quadratic)]))


def test_picture_is_well_formed_and_shows_every_set() -> None:
    root = ElementTree.fromstring(picture.drawn(made_up()))  # noqa: S314 (our own)
    dots = [element for element in root.iter() if element.tag.endswith("circle")]
    # A loop has no shapes: its line for chains is in every panel.
    assert len(dots) == len(growth.SIZES) * (3 + 3 + 3)


def test_table_has_a_line_for_each_deployer_and_shape() -> None:
    lines = tables.of_series(made_up()).splitlines()
    assert [line.split()[:2] for line in lines[1:4]] == [[CORE.name, shape] for shape in sets.SHAPES]
    assert len(lines) == 2 * (1 + 7)


def test_unknown_part_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        benchmark.main(["quick"])
    assert stopped.value.code == 2
    assert "quick" in capsys.readouterr().err
