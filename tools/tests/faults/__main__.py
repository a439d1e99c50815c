"""Run scenarios: `python -m tests.faults --count 500` or, to see one again, `--seed 17`.

Their deployers are in one process with the emulator, so workers run them, in its environment. The deployers
that are killed or interrupted run in their own.
"""

import argparse
import contextlib
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ecs_blue_green import interpreters
from ecs_blue_green.deployer import configurations
from ecs_blue_green.testing import sharing
from tests.faults.kills import SECONDS_A_RESOURCE, Site, killed, site
from tests.faults.presses import pressed
from tests.paths import PROJECT, TOOLS


def main(arguments: list[str]) -> int:
    """Run the scenarios, then the kills and the presses, and return 0 when all held, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--count", type=int, default=500, help="how many scenarios (default: %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="the first one's seed (default: %(default)s)")
    parser.add_argument(
        "--step", type=int, default=1, help="from one seed to the next (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, help="only this one, with all that it says")
    parser.add_argument("--kills", type=int, default=0, help="how many deployers are killed (default: none)")
    parser.add_argument("--presses", type=int, default=0, help="how many get a Ctrl-C (default: none)")
    parser.add_argument("--here", action="store_true", help="in this process, which has the emulator")
    # They wait about as much as they work.
    processes = (os.cpu_count() or 1) + 2
    parser.add_argument("--processes", type=int, default=processes, help="workers side by side")
    options = parser.parse_args(arguments)
    if options.seed is not None:
        if options.here:
            return _work([options.seed], loud=True)
        return _share(range(options.seed, options.seed + 1), 1, "--seed", str(options.seed))
    seeds = range(options.first, options.first + options.count * options.step, options.step)
    if options.here:
        return _work(list(seeds), loud=False)
    began = time.monotonic()
    code = _share(seeds, options.processes)
    _say(f"{len(seeds)} scenarios in {time.monotonic() - began:.0f} s")
    for disturb, count in ((killed, options.kills), (pressed, options.presses)):
        if count:
            began = time.monotonic()
            code |= _disturb(disturb, count, options.first)
            _say(f"{count} {disturb.__name__} in {time.monotonic() - began:.0f} s")
    return code


def _share(seeds: range, processes: int, *options: str) -> int:
    """Have worker processes run every n-th scenario each, in the emulator's environment."""
    workers = []
    for number in range(min(processes, len(seeds))):
        mine = seeds[number::processes]
        command = [interpreters.emulator(), "-m", "tests.faults", "--here", "--step", str(mine.step)]
        command += ["--first", str(mine.start), "--count", str(len(mine)), *options]
        workers.append(subprocess.Popen(command, cwd=TOOLS))
    return max((worker.wait() for worker in workers), default=0)


def _work(seeds: list[int], *, loud: bool) -> int:
    from tests.faults.run import Runner

    if not loud:
        # The emulator logs every fault that it was given.
        logging.disable(logging.CRITICAL)
    failed = 0
    with _project() as root:
        runner = Runner(root)
        for seed in seeds:
            report = runner.run(seed)
            if report.wrong or loud:
                _say(report.text(loud))
            failed += bool(report.wrong)
    if failed:
        _say(f"{failed} of {len(seeds)} failed; to see one again: python -m tests.faults --seed SEED")
    return 1 if failed else 0


def _disturb(disturb: Callable[[Site, int, int], list[str]], count: int, seed: int) -> int:
    # Resources that are made at once: what is disturbed is the deployer, and not CloudFormation.
    seconds = SECONDS_A_RESOURCE if disturb is killed else 0.0
    with (
        sharing.clients(),
        sharing.builds(),
        tempfile.TemporaryDirectory() as folder,
        site(Path(folder), seconds) as where,
    ):
        wrong = disturb(where, count, seed)
        for line in [*where.log, *(f"WRONG: {one}" for one in wrong)] if wrong else []:
            _say(line)
    return 1 if wrong else 0


def _say(text: str) -> None:
    # Past what the deployers take for standard output.
    os.write(1, f"{text}\n".encode())


@contextlib.contextmanager
def _project() -> Iterator[Path]:
    """A copy of the project, with an environment that is like those on AWS."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ("build", "params"):
            shutil.copytree(PROJECT / name, root / name)
        shutil.copy(root / "params" / "local.yaml", root / "params" / "dev.yaml")
        configurations.write(root, "dev")
        yield root


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
