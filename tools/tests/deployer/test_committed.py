"""What is deployed is in a commit, and that commit is recorded when it is deployed."""

import json
from pathlib import Path

import pytest

from ecs_blue_green.deployer import remedies
from tests.deployer.followed import follows
from tests.deployer.shop import Shop
from tests.deployer.test_guarded_deploy import client, git, set_parameter

HAND = "# edited by hand"


def committed(shop: Shop, protected: str = "false") -> str:
    """Put the project under version control, and give the commit."""
    path = shop.root / "params" / "dev.yaml"
    path.write_text(path.read_text().replace("protected: false", f"protected: {protected}"))
    shop.generate()
    git(shop.root, "init", "-q")
    return commit(shop.root)


def commit(root: Path) -> str:
    git(root, "add", "build", "params")
    git(root, "commit", "-q", "--allow-empty", "-m", "next")
    head = (root / ".git" / "HEAD").read_text().removeprefix("ref: ").strip()
    return (root / ".git" / head).read_text().strip()


def edit(shop: Shop) -> None:
    path = shop.root / "build" / "pipeline.yaml"
    path.write_text(path.read_text() + HAND + "\n")


def record() -> dict[str, object]:
    found = client("ssm").get_parameters(Names=["/sample/dev/deploy/last"])["Parameters"]
    value: dict[str, object] = json.loads(found[0]["Value"]) if found else {}
    return value


@follows(remedies.COMMIT)
def test_hand_edited_template_does_not_come_into_a_protected_environment(
    deployed: Shop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    committed(deployed, protected="true")
    edit(deployed)
    (deployed.root / "params" / "new.yaml").write_text("")
    refused = deployed.run("deploy", "--yes", "--only", "pipeline")
    assert refused["exit_code"] == 3
    assert (
        refused["error"]["what"] == "what is deployed is not committed: build/pipeline.yaml, params/new.yaml"
    )
    assert "outcomes" not in refused and record() == {}
    # Each way on that it names is one.
    assert deployed.run("deploy", "--yes", "--only", "pipeline", "--yes-uncommitted")["exit_code"] == 0
    file = str(tmp_path_factory.mktemp("kept") / "plan.json")
    code, _, told = deployed.talk("plan", "--only", "pipeline", "--out", file)
    assert code == 0 and "is not committed: build/pipeline.yaml" in told
    assert deployed.run("deploy", "--plan", file)["exit_code"] == 0
    (deployed.root / "params" / "new.yaml").unlink()
    head = commit(deployed.root)
    assert deployed.run("deploy", "--yes", "--only", "pipeline")["exit_code"] == 0
    assert (record()["commit"], record()["uncommitted"]) == (head, False)


def test_it_is_said_elsewhere(deployed: Shop) -> None:
    head = committed(deployed)
    edit(deployed)
    code, _, told = deployed.talk("deploy", "--yes", "--only", "pipeline")
    assert code == 0
    assert "what is deployed is not committed: build/pipeline.yaml\n" in told
    assert record() == {"commit": head, "layers": {"pipeline": head}, "uncommitted": True}
    _, shown, _ = deployed.talk("status")
    assert f"last deployed commit  {head[:12]}, with uncommitted files" in shown


def test_without_git_it_is_said_and_nothing_is_refused(deployed: Shop) -> None:
    path = deployed.root / "params" / "dev.yaml"
    path.write_text(path.read_text().replace("protected: false", "protected: true"))
    code, _, told = deployed.talk("deploy", "--yes", "--only", "pipeline")
    assert code == 0
    assert "git does not tell whether build/ and params/ are committed" in told
    assert record() == {}


def test_commit_is_recorded_after_success_and_for_the_layers_of_the_run(dev: Shop) -> None:
    first = committed(dev)
    good = (dev.root / "build" / "service-preference.yaml").read_text()
    # AWS does not know the alarm's operator, so this stack fails, and pipeline is not begun.
    broken = good.replace("ScalingPolicy\n", "ScalingPolicyX\n", 1)
    assert broken != good
    (dev.root / "build" / "service-preference.yaml").write_text(broken)
    broken_commit = commit(dev.root)
    failed = dev.run("deploy", "--yes")
    assert failed["exit_code"] != 0
    (dev.root / "build" / "service-preference.yaml").write_text(good)
    if "outcomes" in failed:
        done = {one["layer"] for one in failed["outcomes"] if one["result"] == "done"}
        assert record() == {
            "commit": None,
            "layers": dict.fromkeys(done, broken_commit),
            "uncommitted": False,
        }
        assert done and "service-preference" not in done
    else:
        assert record() == {}
    second = commit(dev.root)
    assert dev.run("deploy", "--yes")["exit_code"] == 0
    whole = record()
    assert whole["commit"] == second and set(dict(whole["layers"]).values()) == {second}  # type: ignore[call-overload]
    set_parameter(dev, "MaxCapacity: 5")
    third = commit(dev.root)
    assert dev.run("deploy", "--yes", "--only", "service-preference")["exit_code"] == 0
    answer = dev.run("status")
    assert answer["last_commit"] == third
    assert {slug for slug, one in answer["last_layers"].items() if one == third} == {"service-preference"}
    assert first != third
    _, shown, _ = dev.talk("status")
    assert f"last deployed commit  {third[:12]}; " in shown
    assert f"from {second[:12]}" in shown
