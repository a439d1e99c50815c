"""Images in the environment's own registry: whether one is still there, and which commit it is of."""

import re
from dataclasses import dataclass
from typing import Any

from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.environment import Environment

_ECR = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/"
    r"(?P<repository>[^:@]+)(?::(?P<tag>[\w.-]+))?(?:@(?P<digest>sha256:[0-9a-f]+))?"
)
# How the pipeline tags an image: with its commit when it is built, and once more when it has been released.
# A commit that was built again has more behind it.
_COMMIT = re.compile(r"(?P<released>release-)?(?P<commit>[0-9a-f]{40})(-[\w.-]+)?")


@dataclass(frozen=True)
class Image:
    """An image by its repository and what identifies it there, in the words of ECR's API."""

    repository: str
    identifier: dict[str, str]


def own(environment: Environment, name: str) -> Image | None:
    """The image that a container definition names; None for one of another account, region or registry."""
    match = _ECR.fullmatch(name)
    if match is None or (match["account"], match["region"]) != (environment.account, environment.region):
        return None
    tag = match["tag"] or "latest"
    identifier = {"imageDigest": match["digest"]} if match["digest"] else {"imageTag": tag}
    return Image(match["repository"], identifier)


def tags(aws: Aws, image: Image) -> list[str] | None:
    """The image's tags, or None when it is gone. Raises what the client raises otherwise."""
    client = aws.client("ecr")
    identifiers: Any = [image.identifier]
    try:
        (details,) = client.describe_images(repositoryName=image.repository, imageIds=identifiers)[
            "imageDetails"
        ]
    except (client.exceptions.ImageNotFoundException, client.exceptions.RepositoryNotFoundException):
        return None
    return list(details.get("imageTags", []))


def commits(names: list[str]) -> tuple[str, ...]:
    """The commits that an image's tags name: those that were released, or all where none was yet.

    They are several where commits made the same image, such as one that changed a document alone.
    """
    matches = [match for match in map(_COMMIT.fullmatch, names) if match]
    released = [match for match in matches if match["released"]]
    return tuple(sorted({match["commit"] for match in released or matches}))
