"""The end of a deploy: where the service answers, what to do next, and of the outputs those that changed."""

from io import StringIO

from rich.console import Console

from ecs_blue_green.deployer import remedies
from ecs_blue_green.deployer.planning import report
from tests.deployer.followed import follows, made
from tests.deployer.shop import Shop
from tests.deployer.test_guarded_deploy import set_parameter

TITLE = 22


def end(shop: Shop) -> tuple[list[str], str]:
    """What a deploy prints of the layers and the address, and what it says to do next."""
    code, result, talk = shop.talk("deploy", "--yes")
    assert code == 0, talk
    lines = result.splitlines()
    # Behind the plan each layer begins a line again; its outputs are indented.
    begin = max(index for index, line in enumerate(lines) if line.startswith("container-repository"))
    *_, last = talk.splitlines()
    return lines[begin:], last.removeprefix("next:  ")


def address(shop: Shop) -> str:
    """Where the service answers, as the outputs have it that `make status` shows."""
    status = made(shop, "make status ENV=dev")
    (outputs,) = [one["outputs"] for one in status["stacks"] if one["layer"] == "infrastructure"]
    return str(outputs["ServiceUrl"])


@follows(remedies.FIRST_RELEASE)
def test_first_deploy_says_where_the_service_answers_and_shows_no_outputs(dev: Shop) -> None:
    (*layers, last), following = end(dev)
    assert [line[TITLE:].split()[0] for line in layers] == ["done"] * 6
    assert last == f"answers: {address(dev)}"
    assert following == "make status ENV=dev (the new pipeline begins with a release)"


@follows(remedies.SEE_ALL)
def test_update_shows_the_outputs_that_changed(deployed: Shop) -> None:
    set_parameter(deployed, "MaxCapacity: 4")
    deployed.replace("pipeline", "\nOutputs:\n", "\nOutputs:\n  Fresh: {Value: as new}\n")
    lines, following = end(deployed)
    assert [line.split() for line in lines if line.startswith("    ")] == [["Fresh", "as", "new"]]
    assert lines[-1] == f"answers: {address(deployed)}"
    assert following == "make status ENV=dev (what is live, and every output); a push releases"


def test_deploy_of_one_layer_ends_alike(deployed: Shop) -> None:
    set_parameter(deployed, "MaxCapacity: 4")
    code, result, talk = deployed.talk("deploy", "--yes", "--only", "service-preference")
    assert code == 0
    assert result.splitlines()[-2:] == [f"{'service-preference':<22}done", f"answers: {address(deployed)}"]
    assert talk.splitlines()[-1].startswith("next:  make status ENV=dev")


def test_deploy_that_changes_nothing_ends_alike(deployed: Shop) -> None:
    lines, following = end(deployed)
    assert lines[-1] == f"answers: {address(deployed)}"
    assert following.startswith("make status ENV=dev")


def test_what_moves_with_the_next_release_is_named(deployed: Shop) -> None:
    set_parameter(deployed, "PlatformVersion: 1.4.0")
    assert end(deployed)[1] == "push a commit: the next release brings PlatformVersion"


def test_address_is_left_out_where_no_output_has_it(deployed: Shop) -> None:
    path = deployed.root / "build" / "runtime.json"
    line = '    "address": "infrastructure.ServiceUrl",\n'
    assert line in path.read_text()
    path.write_text(path.read_text().replace(line, ""))
    assert not [one for one in end(deployed)[0] if one.startswith("answers:")]


def shown(width: int | None) -> list[str]:
    """Outputs on a terminal that is so wide, or on none."""
    printed = StringIO()
    out = Console(file=printed, width=width or 200, force_terminal=bool(width), soft_wrap=True, no_color=True)
    for line in report.output_lines({"Name": "shop", "Arn": ARN, "Longest": LONGEST}, out):
        out.print(line, style="not dim")
    return printed.getvalue().splitlines()


ARN = "arn:aws:iam::000000000000:role/shop-prod-infrastructure-TaskRole-1"
LONGEST = f"{ARN}/{ARN}"


def test_output_is_not_broken_on_a_narrow_terminal() -> None:
    def plain(lines: list[str]) -> list[str]:
        return [line.replace("\x1b[2m", "").replace("\x1b[0m", "").rstrip() for line in lines]

    assert plain(shown(80)) == [
        f"    {'Name':<36}shop",
        "    Arn",
        f"      {ARN}",
        "    Longest",
        # Alone in its line: from its first column on the terminal breaks it, and no line feed does.
        LONGEST,
    ]
    assert plain(shown(None)) == [
        f"    {name:<36}{value}" for name, value in (("Name", "shop"), ("Arn", ARN), ("Longest", LONGEST))
    ]
