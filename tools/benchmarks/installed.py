"""How much is installed, and how long does the first deploy take, beside commit 80c2dba?

Usage: python -m benchmarks.installed [--rounds N]

Clean clones of both commits, on this machine and one after the other:

- `make plan ENV=prod`, without credentials: it ends where it asks AWS who it is, with everything installed;
- Verify, the pipeline's first action, by the commands of its build specification;
- `make deploy YES=1` on the emulator, the fastest of the rounds in which the commits take turns.

Counted are the distributions and the bytes of all virtual environments in the clone after the command, with
what Python compiled. What is not committed is not measured.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.paths import REPOSITORY
from benchmarks.target import Target
from ecs_blue_green.deployer import layers

BEFORE, HERE = "80c2dba", "HEAD"
# Nobody's credentials, so that no account is asked.
NOBODY = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
EXIT_OF_MAKE = 2


@dataclass(frozen=True)
class Installed:
    """What is in the virtual environments of a clone."""

    distributions: int
    size: int

    @property
    def megabytes(self) -> float:
        """The size as it is printed."""
        return self.size / 1_000_000


def main() -> int:
    """Measure and print; 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="first deploys of each commit (3)")
    rounds = parser.parse_args().rounds
    plans, verified = ({}, {})
    for commit in (BEFORE, HERE):
        with clone(commit) as folder:
            plan(folder)
            plans[commit] = measured(folder)
        with clone(commit) as folder:
            verify(folder)
            verified[commit] = measured(folder)
    times: Mapping[str, list[float]] = {BEFORE: [], HERE: []}
    for _ in range(rounds):
        for commit, found in times.items():
            with clone(commit) as folder:
                found.append(first_deploy(folder))
    fastest = {commit: min(found) for commit, found in times.items()}

    print(f"{'':26}{BEFORE:>12}{'here':>12}")
    for what, both in (("make plan ENV=prod", plans), ("Verify", verified)):
        print(f"{what:20}{'count':6}{both[BEFORE].distributions:12}{both[HERE].distributions:12}")
        print(f"{'':20}{'MB':6}{both[BEFORE].megabytes:12.1f}{both[HERE].megabytes:12.1f}")
    print(f"{'first make deploy':20}{'s':6}{fastest[BEFORE]:12.1f}{fastest[HERE]:12.1f}\n")
    targets = [
        *ratios("make plan ENV=prod", plans, 0.36, 0.40),
        *ratios("Verify", verified, 0.25, 0.35),
        Target("first make deploy: seconds", fastest[HERE] / fastest[BEFORE], 0.85),
    ]
    for target in targets:
        print(target)
    return 0 if all(target.reached for target in targets) else 1


def ratios(what: str, both: Mapping[str, Installed], distributions: float, size: float) -> Iterator[Target]:
    """What is installed here over what was installed before, beside the most that it may be."""
    before, here = both[BEFORE], both[HERE]
    yield Target(f"{what}: distributions", here.distributions / before.distributions, distributions)
    yield Target(f"{what}: bytes", here.size / before.size, size)


@contextlib.contextmanager
def clone(commit: str) -> Iterator[Path]:
    """A clean clone of the repository at a commit."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "clone"
        head = run(REPOSITORY, "git", "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}").strip()
        run(REPOSITORY, "git", "clone", "--quiet", "--no-checkout", str(REPOSITORY), str(folder))
        run(folder, "git", "checkout", "--quiet", head)
        yield folder


def plan(folder: Path) -> None:
    """Plan production as somebody without credentials."""
    said = run(folder, "make", "plan", "ENV=prod", code=EXIT_OF_MAKE)
    if "credentials" not in said:
        raise SystemExit(f"make plan ENV=prod ended with something else than the credentials:\n{said}")


def verify(folder: Path) -> None:
    """What Verify runs."""
    template = layers.parse((folder / "build" / "pipeline.yaml").read_text())
    specification = template["Resources"]["VerifyProject"]["Properties"]["Source"]["BuildSpec"]
    phases = layers.parse(specification)["phases"]
    for command in (*phases["install"]["commands"], *phases["build"]["commands"]):
        run(folder, "bash", "-c", command)


def first_deploy(folder: Path) -> float:
    """The seconds that the first deploy in a clone takes, on the emulator."""
    began = time.monotonic()
    run(folder, "make", "deploy", "YES=1")
    return time.monotonic() - began


def measured(folder: Path) -> Installed:
    """What the virtual environments of a clone have."""
    environments = [path for path in folder.glob(".venv*") if path.is_dir()]
    files = [path for environment in environments for path in environment.rglob("*")]
    return Installed(
        distributions=sum(path.name.endswith(".dist-info") for path in files),
        size=sum(path.stat().st_size for path in files if path.is_file() and not path.is_symlink()),
    )


def surroundings() -> dict[str, str]:
    """The variables of a person without credentials: those of this process without what is not a person's.

    `make benchmark` hands its options on, and its ARGS, which a clone's make would take for its own.
    """
    others = ("AWS_", "VIRTUAL_ENV", "MAKE", "MFLAGS", "ARGS")
    return {name: value for name, value in os.environ.items() if not name.startswith(others)} | NOBODY


def run(folder: Path, *command: str, code: int = 0) -> str:
    """Run a command as a person without credentials and give what it says; exits where it ends otherwise."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=surroundings(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != code:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
