"""Where the project is that a command works on: the folder with `build/` and `params/`."""

from pathlib import Path

FOLDERS = ("build", "params")


def root() -> Path:
    """The project that the working directory is in: the nearest folder above with `build/` and `params/`.

    The working directory itself where there is none, so that what is missing there is told by name.
    """
    here = Path.cwd()
    for folder in (here, *here.parents):
        if all((folder / name).is_dir() for name in FOLDERS):
            return folder
    return here
