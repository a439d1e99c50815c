"""How much longer does `generate.py --check` take than the imports that it cannot do without?

Usage: python -m benchmarks.generate [--pairs N]

Prints the median, over pairs of processes run one after the other, of the wall time of the whole
`generate.py --check` divided by that of a process that only imports the same troposphere and awacs modules.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = 1.4

LIST_MODULES = """\
import sys
from pathlib import Path
from ecs_blue_green import generate
generate.main(["--check"], Path.cwd())
print(*sorted(name for name in sys.modules if name.split(".")[0] in ("troposphere", "awacs")))
"""


def main() -> int:
    """Measure and print; 1 when the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=15, help="pairs of processes to run (15)")
    pairs = parser.parse_args().pairs

    generate = [sys.executable, "generate.py", "--check"]
    modules = output([sys.executable, "-c", LIST_MODULES]).splitlines()[-1].split()
    imports = [sys.executable, "-c", "import " + ", ".join(modules)]
    for command in (generate, imports):
        seconds(command)  # writes bytecode and warms the disk cache

    measured = [(seconds(generate), seconds(imports)) for _ in range(pairs)]
    ratio = statistics.median(whole / bare for whole, bare in measured)
    whole_ms, bare_ms = (1000 * statistics.median(column) for column in zip(*measured, strict=True))
    print(
        f"generate.py --check {whole_ms:.0f} ms, import of {len(modules)} modules {bare_ms:.0f} ms:"
        f" ratio {ratio:.2f}, target {TARGET:.2f} ({pairs} pairs, median)"
    )
    return 0 if ratio <= TARGET else 1


def output(command: list[str]) -> str:
    """What a command prints; raises CalledProcessError when it fails."""
    return subprocess.run(
        command, cwd=ROOT, env=environment(), check=True, capture_output=True, text=True
    ).stdout


def environment() -> dict[str, str]:
    """Without what keeps Python from writing bytecode: everybody has it from the run before."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def seconds(command: list[str]) -> float:
    """Wall time of a command, from its start to its end."""
    start = time.perf_counter()
    output(command)
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
