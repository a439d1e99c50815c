"""How do `generate.py` and a review grow with the number of environments?

Usage: python -m benchmarks.environments

In a copy of this repository with so many parameter files, whole processes are timed, the fastest of three:
`generate.py --check`, and a review of a change to one parameter that all of them have. There is no target.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.installed import HERE, clone, run

COUNTS = (1, 10, 50)
ROUNDS = 3
# deploy.py's, where a review finds changes.
EXIT_CHANGES = 4


def main() -> int:
    """Measure and print."""
    print(f"{'seconds':24}" + "".join(f"{f'{count} environments':>18}" for count in COUNTS))
    rows: dict[str, list[float]] = {"generate.py --check": [], "deploy.py review": []}
    with clone(HERE) as source, tempfile.TemporaryDirectory() as name:
        for count in COUNTS:
            folder = Path(name) / str(count)
            shutil.copytree(source, folder)
            write(folder, count)
            rows["generate.py --check"].append(fastest(folder, "generate.py", "--check"))
            for file in (folder / "params").glob("*.yaml"):
                file.write_text(f'{file.read_text().rstrip()}\n  ScalingTargetPercent: "55"\n')
            run(folder, sys.executable, "generate.py")
            rows["deploy.py review"].append(
                fastest(folder, "deploy.py", "review", "--base", "HEAD", code=EXIT_CHANGES)
            )
    for title, seconds in rows.items():
        print(f"{title:24}" + "".join(f"{one:18.2f}" for one in seconds))
    return 0


def write(folder: Path, count: int) -> None:
    """So many environments in place of those that are there, generated and committed."""
    params = folder / "params"
    text = (params / "local.yaml").read_text()
    for file in params.glob("*.yaml"):
        file.unlink()
    for number in range(count):
        (params / f"e{number}.yaml").write_text(text)
    run(folder, sys.executable, "generate.py")
    run(folder, "git", "add", "--all")
    author = ("-c", "user.name=benchmark", "-c", "user.email=benchmark@example.com")
    run(folder, "git", *author, "commit", "--quiet", "--message", "environments")


def fastest(folder: Path, *command: str, code: int = 0) -> float:
    """The wall time of a script of the copy, the fastest of some."""
    found = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, *command], cwd=folder, check=False, capture_output=True, text=True
        )
        found.append(time.perf_counter() - began)
        if done.returncode != code:
            raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return min(found)


if __name__ == "__main__":
    sys.exit(main())
