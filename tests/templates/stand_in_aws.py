"""Stands in for the AWS CLI in the tests of the build specifications: answers from a folder.

The folder is named by STATE: `calls` gets the arguments, `images/<tag>` holds the digest of an image,
`describe-stacks` and `describe-task-definition` hold what those answer. `--query` is evaluated as the real
client does, so that a wrong one fails.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any, TextIO

import jmespath  # type: ignore[import-untyped]

STATE = Path(os.environ["STATE"])
MANIFEST = '{\n  "schemaVersion": 2\n}'


def main(arguments: list[str]) -> int:
    with (STATE / "calls").open("a") as calls:
        calls.write(json.dumps(["aws", *arguments]) + "\n")
    operation = arguments[1]
    options = dict(zip(arguments[2::2], arguments[3::2], strict=True)) if len(arguments) > 2 else {}
    match operation:
        case "get-login-password":
            return say("password")
        case "batch-get-image":
            answer = batch_get_image(options["--image-ids"])
        case "put-image":
            if options["--image-manifest"] != MANIFEST:
                return say("ImageDigestDoesNotMatchException", sys.stderr, 254)
            (STATE / "images" / options["--image-tag"]).write_text(options["--image-digest"])
            answer = {"image": {"imageId": {"imageTag": options["--image-tag"]}}}
        case _:
            answer = json.loads((STATE / operation).read_text())
    if "--query" in options:
        answer = jmespath.search(options["--query"], answer)
    if options.get("--output") == "text":
        return say(str(answer))  # None, as the client prints it
    return say(json.dumps(answer, indent=4))


def say(text: str, stream: TextIO = sys.stdout, exit_status: int = 0) -> int:
    stream.write(text + "\n")
    return exit_status


def batch_get_image(identifier: str) -> dict[str, Any]:
    kind, value = identifier.split("=", 1)
    images = {path.name: path.read_text() for path in (STATE / "images").iterdir()}
    for tag, digest in images.items():
        if value == {"imageTag": tag, "imageDigest": digest}[kind]:
            image = {"imageId": {"imageDigest": digest, "imageTag": tag}, "imageManifest": MANIFEST}
            return {"images": [image], "failures": []}
    return {"images": [], "failures": [{"failureCode": "ImageNotFound"}]}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
