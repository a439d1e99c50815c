"""One scenario: the run that meets faults, what must be true of it, and the undisturbed run after it."""

import re
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from ecs_blue_green.deployer import configurations
from tests.faults import check
from tests.faults.check import Wanted
from tests.faults.network import Fault
from tests.faults.processes import Ending, Processes
from tests.faults.scenario import OUTPUT, TEMPLATE, Scenario, Start, scenario
from tests.faults.world import World

KEPT_FILE = "kept.json"
CHANGED = "infrastructure.yaml"
IMPORTING = "pipeline.yaml"
# A layer that was deployed, and is none of the project's any more.
LEFT = "dashboard"
LEFT_TEMPLATE = """
Parameters: {InfrastructureStackName: {Type: String}}
Resources:
  Topic:
    Type: AWS::SNS::Topic
    Properties:
      TopicName: dashboard
      DisplayName: !ImportValue {'Fn::Sub': '${InfrastructureStackName}-LoadBalancerDnsName'}
"""


@dataclass
class Report:
    """What became of a scenario: what was wrong, and what the deployers said."""

    scenario: Scenario
    wrong: list[str] = field(default_factory=list)
    endings: list[tuple[str, Ending]] = field(default_factory=list)

    def text(self, loud: bool) -> str:
        """For a person who has to find out why."""
        lines = [str(self.scenario), *(f"  WRONG: {wrong}" for wrong in self.wrong)]
        for name, ending in self.endings:
            struck = f"; {', '.join(ending.deployer.struck[:6])}" if ending.deployer.struck else ""
            died = "died" if ending.code is None else f"exit code {ending.code}"
            lines.append(f"  {name}: {died} after {len(ending.deployer.calls)} calls{struck}")
            error = ending.document.get("error")
            if error:
                lines.append(f"    error: {error['what']}: {error['why']}")
            for one in ending.document.get("outcomes", []):
                lines.append(f"    {one['layer']}: {one['result']}{': ' + one['why'] if one['why'] else ''}")
            if loud:
                lines += [f"    | {line}" for line in ending.talk.splitlines()]
                lines.append(f"    calls: {' '.join(ending.deployer.calls)}")
        return "\n".join(lines)


class Runner:
    """Runs scenarios one after the other on one world."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.world = World(root / ".emulator", root / "params" / "local.yaml")
        self.processes = Processes(self.world, root)
        self._parameters = (root / "params" / "dev.yaml").read_text()
        self._templates = {name: (root / "build" / name).read_text() for name in (CHANGED, IMPORTING)}
        self._states: dict[Start, bytes] = {"empty": self.world.save()}

    def run(self, seed: int) -> Report:
        """Run the scenario of this number."""
        made = scenario(seed)
        report = Report(made)
        self._prepare(made)
        try:
            self._run(made, report)
        except Exception as error:
            report.wrong.append(f"the test itself: {error!r}")
            raise
        return report

    def _prepare(self, made: Scenario) -> None:
        self._write({})
        (self.root / KEPT_FILE).unlink(missing_ok=True)
        self.world.seconds = 0.0
        if made.start != "empty" and "deployed" not in self._states:
            self.world.load(self._states["empty"])
            ending = self.processes.run("deploy", "--yes")
            assert ending.code == 0, ending.talk
            check.plant(self.world)
            self._states["deployed"] = self.world.save()
        if made.start == "left" and made.start not in self._states:
            self._states["left"] = self._left()
        self.world.load(self._states[made.start])
        self._write(made.changes)
        self.world.seconds = made.seconds
        self.world.failing += [replace(one) for one in made.failing]

    def _left(self) -> bytes:
        self.world.load(self._states["deployed"])
        path = self.root / "build" / f"{LEFT}.yaml"
        path.write_text(LEFT_TEMPLATE)
        ending = self.processes.run("deploy", "--yes", "--only", LEFT)
        path.unlink()
        assert ending.code == 0, ending.talk
        return self.world.save()

    def _write(self, changes: dict[str, str]) -> None:
        document = yaml.load(self._parameters, Loader=yaml.BaseLoader)  # noqa: S506
        own = {TEMPLATE, OUTPUT}
        document["parameters"] |= {key: value for key, value in changes.items() if key not in own}
        (self.root / "params" / "dev.yaml").write_text(yaml.safe_dump(document))
        texts = dict(self._templates)
        if TEMPLATE in changes:
            topic = f"Topic: {{Type: 'AWS::SNS::Topic', Properties: {{TopicName: {changes[TEMPLATE]}}}}}"
            texts[CHANGED] = _with_entry(texts[CHANGED], "Resources", topic)
        if OUTPUT in changes:
            name = "Export: {Name: !Sub '${AWS::StackName}-Extra'}"
            texts[CHANGED] = _with_entry(
                texts[CHANGED], "Outputs", f"Extra: {{Value: {changes[OUTPUT]}, {name}}}"
            )
            imported = "!ImportValue {'Fn::Sub': '${InfrastructureStackName}-Extra'}"
            texts[IMPORTING] = _with_entry(texts[IMPORTING], "Outputs", f"Imported: {{Value: {imported}}}")
        for file, text in texts.items():
            (self.root / "build" / file).write_text(text)
        configurations.write(self.root, "dev")

    def _run(self, made: Scenario, report: Report) -> None:
        wanted = Wanted(self.processes)
        if made.verb == "stuck":
            self._stick(made, report)
        if made.verb == "restore":
            check.delete_service(self.world)
        if made.verb == "kept deploy":
            self._begin("plan", report, "plan", "--out", str(self.root / KEPT_FILE), *_options(made))
        before = self.world.stacks()
        first = self._faulted(made, report)
        self.world.settle()
        after = self.world.stacks()
        verb = {"kept plan": "plan", "kept deploy": "deploy", "stuck": "continue-rollback"}.get(
            made.verb, made.verb
        )
        if not made.second or made.second[0] in ("status", "plan"):
            report.wrong += check.ending(self.processes, wanted, verb, first, before, after)
        if made.survivable and first.code != 0:
            report.wrong.append(f"exit code {first.code} for what a deployer must survive")
        self.world.failing.clear()
        if made.other_copy:
            self._other_copy(report)
        self._undisturbed(made, report, wanted)
        if made.start == "deployed":
            report.wrong += check.untouched(self.world, before)

    def _faulted(self, made: Scenario, report: Report) -> Ending:
        faults = [Fault(f.kind, f.calls, f.nth, f.times, f.seconds) for f in made.faults]
        background: list[threading.Thread] = []
        if made.second:
            faults.append(
                Fault("act", nth=made.second_at, act=lambda: self._second(made, report, background))
            )
        kept = str(self.root / KEPT_FILE)
        arguments = {
            "deploy": ["deploy", "--yes", *_options(made)],
            "destroy": ["destroy", "--yes"],
            "plan": ["plan", *_options(made)],
            "kept plan": ["plan", "--out", kept, *_options(made)],
            "kept deploy": ["deploy", "--yes", "--plan", kept],
            "stuck": ["continue-rollback", "--yes"],
            "restore": ["restore", "--yes"],
        }[made.verb]
        ending = self.processes.run(*arguments, faults=faults, seed=made.seed, elsewhere=made.elsewhere)
        report.endings.append((arguments[0], ending))
        for thread in background:
            thread.join(120)
            if thread.is_alive():
                report.wrong.append("the second deployer does not end")
        return ending

    def _other_copy(self, report: Report) -> None:
        """Whatever became of the run: nobody else may change what there is of the environment."""
        before, records = self.world.stacks(), check.records(self.world)
        if not any(stack["StackStatus"] != "REVIEW_IN_PROGRESS" for stack in before.values()):
            return
        path = self.root / "params" / "dev.yaml"
        text = path.read_text()
        path.write_text(re.sub("GitHubOwner: .*", "GitHubOwner: somebody-else", text))
        for verb in ("deploy", "destroy", "rollback"):
            ending = self.processes.run(verb, "--yes")
            report.endings.append((f"{verb} of another copy", ending))
            if ending.code != 3:
                report.wrong.append(f"{verb} of another copy ended with {ending.code}")
        path.write_text(text)
        report.wrong += check.unmoved(before, self.world.stacks())
        if check.records(self.world) != records:
            report.wrong.append("another copy changed the records")

    def _second(self, made: Scenario, report: Report, background: list[threading.Thread]) -> None:
        """Another deployer begins; one that waits or takes the lock goes on beside the first."""
        second = made.second or []
        arguments = [*second, *(_options(made) if second[0] == "deploy" else [])]

        def work() -> None:
            report.endings.append((f"second {' '.join(arguments)}", self.processes.run(*arguments)))

        thread = threading.Thread(target=work, daemon=True)
        background.append(thread)
        thread.start()
        if "--wait" not in arguments and "--break-lock" not in arguments:
            thread.join(30)

    def _stick(self, made: Scenario, report: Report) -> None:
        """Bring the environment to where the run begins: an update that could not be taken back."""
        ending = self._begin("deploy", report, "deploy", "--yes", *_options(made), code=1)
        why = " ".join(str(one["remedy"]) for one in ending.document.get("outcomes", []))
        if "continue-rollback" not in why:
            report.wrong.append("nobody is told of continue-rollback")
        again = self._begin("deploy again", report, "deploy", "--yes", *_options(made), code=3)
        if "Target" not in str(again.document.get("error")):
            report.wrong.append("the resources that are stuck are not named")

    def _begin(self, name: str, report: Report, *arguments: str, code: int = 0) -> Ending:
        ending = self.processes.run(*arguments)
        report.endings.append((name, ending))
        if ending.code != code:
            report.wrong.append(f"{name} before the run ended with {ending.code}")
        return ending

    def _undisturbed(self, made: Scenario, report: Report, wanted: Wanted) -> None:
        # A lock that was left on another machine has to expire.
        wait = ["--wait"] if made.elsewhere or made.second else []
        if made.verb in ("kept plan", "kept deploy"):
            self._discard(report)
        if made.verb == "stuck":
            self._begin("undisturbed continue-rollback", report, "continue-rollback", "--yes", *wait)
        if made.verb == "restore":
            self._begin("undisturbed restore", report, "restore", "--yes", *wait)
        verb = "destroy" if made.verb == "destroy" else "deploy"
        options = _options(made) if verb == "deploy" else []
        # A lock that was left on another machine has to expire.
        wait = ["--wait"] if made.elsewhere or made.second else []
        ending = self.processes.run(verb, "--yes", *options, *wait)
        report.endings.append((f"undisturbed {verb}", ending))
        if ending.code != 0:
            report.wrong.append(f"the undisturbed run ended with {ending.code}")
        report.wrong += (
            check.gone(self.processes) if verb == "destroy" else check.intended(self.processes, wanted)
        )

    def _discard(self, report: Report) -> None:
        """A plan that was kept, complete or not, can be discarded and leaves nothing."""
        path = self.root / KEPT_FILE
        if not path.exists():
            return
        ending = self.processes.run("plan", "--discard", str(path))
        report.endings.append(("discard", ending))
        if ending.code != 0:
            report.wrong.append(f"the kept plan cannot be discarded: {ending.code}")


def _with_entry(text: str, section: str, entry: str) -> str:
    return text.replace(f"\n{section}:\n", f"\n{section}:\n  {entry}\n")


def _options(made: Scenario) -> list[str]:
    return [option for name in made.allowed for option in ("--allow", name)]
