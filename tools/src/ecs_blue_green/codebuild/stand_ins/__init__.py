"""Programs that a build step calls and that this machine may not have, or must not let reach the world.

`aws` does through botocore what the AWS CLI does, for the kinds of command that the build steps use. The CLI
itself pins another botocore than the emulator, so it cannot be installed beside it; `make security` has it
in an environment of its own and compares the two. `docker` builds nothing and pushes a made-up image to the
repository. `python3` is the Python that runs this.
"""

import shlex
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
NAMES = ("aws", "docker", "python3")


def make_stand_ins(folder: Path, names: tuple[str, ...] = NAMES) -> Path:
    """Write the programs into `folder`, to be put first on a build's PATH, and give the folder back."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        script = [] if name == "python3" else [str(FOLDER / f"{name}.py")]
        command = shlex.join([sys.executable, *script])
        program = folder / name
        program.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        program.chmod(0o755)
    return folder
