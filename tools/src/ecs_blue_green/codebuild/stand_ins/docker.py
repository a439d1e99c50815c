"""`docker login | build | push`: records what it was asked, builds nothing, pushes an image without layers.

Runs as a program of its own. The image's manifest names a digest of the files that would have been built and
of the build's arguments, so that the same commit gives the same image and another gives another.
DOCKER_STATE names the folder with `calls` (one JSON list a line) and, after a build, `images/`.
A file `fail` in it holds the name of the subcommand that is to fail.
"""

import gc

if __name__ == "__main__":
    # All that is imported is needed to the end, which is soon.
    gc.disable()

import hashlib
import itertools
import json
import os
import sys
from pathlib import Path
from typing import Any

from ecs_blue_green import ending

STATE = Path(os.environ["DOCKER_STATE"])
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"


def main(arguments: list[str]) -> int:
    """Run one command."""
    STATE.mkdir(parents=True, exist_ok=True)
    with (STATE / "calls").open("a") as calls:
        calls.write(json.dumps(arguments) + "\n")
    command = arguments[0]
    failing = STATE / "fail"
    if failing.exists() and failing.read_text().strip() == command:
        return _refuse(f"{command}: told to fail")
    match command:
        case "login":
            return 0 if sys.stdin.read().strip() else _refuse("Error: Password Required")
        case "build":
            return _build(arguments[1:])
        case "push":
            return _push(arguments[-1])
        case _:
            return _refuse(f"docker: '{command}' is not a docker command here")


def _build(arguments: list[str]) -> int:
    context = Path(arguments[-1])
    tag = arguments[arguments.index("--tag") + 1]
    file = context / "Dockerfile"
    if "--file" in arguments:
        file = Path(arguments[arguments.index("--file") + 1])
    if not file.is_file():
        return _refuse(f"ERROR: failed to read dockerfile: open {file}: no such file")
    content = hashlib.sha256()
    for path in sorted(
        path for path in context.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    ):
        content.update(f"{path.relative_to(context)}\0".encode() + path.read_bytes())
    values = [value for option, value in itertools.pairwise(arguments) if option == "--build-arg"]
    content.update("\0".join(values).encode())
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {"digest": f"sha256:{content.hexdigest()}"},
        "layers": [],
    }
    image = _image(tag)
    image.parent.mkdir(exist_ok=True)
    image.write_text(json.dumps(manifest))
    return 0


def _push(tag: str) -> int:
    image = _image(tag)
    if not image.exists():
        return _refuse(f"An image does not exist locally with the tag: {tag}")
    # Of the subcommands this one alone asks AWS, and the library takes longer than all that they do.
    import botocore.session

    repository, _, name = tag.partition("/")[2].partition(":")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    client: Any = botocore.session.get_session().create_client("ecr", region_name=region)
    client.put_image(
        repositoryName=repository,
        imageManifest=image.read_text(),
        imageManifestMediaType=MANIFEST_TYPE,
        imageTag=name,
    )
    return 0


def _image(tag: str) -> Path:
    return STATE / "images" / hashlib.sha256(tag.encode()).hexdigest()


def _refuse(message: str) -> int:
    sys.stderr.write(message + "\n")
    return 1


if __name__ == "__main__":
    ending.end(main(sys.argv[1:]))
