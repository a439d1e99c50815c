"""ECR, where an image that a first service needs counts as present: a placeholder.

On AWS somebody pushes the first image between two stacks; here no task runs it.
"""

import hashlib
import json

from ecs_blue_green.emulator import engine
from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.refusal import Refused

PLACEHOLDER_DIGEST = f"sha256:{'0' * 64}"


def install(placeholder_tag: str) -> None:
    """Have DescribeImages find the tag in every repository, and refuse what is not there."""
    describe = engine.ecr._describe_images

    def describe_images(request: Record) -> Record:
        name = request["repositoryName"]
        identifiers = request.get("imageIds", [])
        missing = [item for item in identifiers if not engine.ecr._find_image(name, item)]
        answer: Record = engine.answer_of(describe(request))
        for identifier in missing:
            if identifier.get("imageTag") != placeholder_tag:
                raise _not_found(name, identifier)
            answer["imageDetails"].append(
                {
                    "registryId": engine.account(),
                    "repositoryName": name,
                    "imageDigest": PLACEHOLDER_DIGEST,
                    "imageTags": [placeholder_tag],
                    "imageSizeInBytes": 0,
                }
            )
        return answer

    engine.ecr._describe_images = engine.json_operation(describe_images)
    put = engine.ecr._put_image

    def put_image(request: Record) -> Record:
        _require_manifest(request)
        answer: Record = engine.answer_of(put(request))
        return answer

    engine.ecr._put_image = engine.json_operation(put_image)


def _require_manifest(request: Record) -> None:
    """A manifest must be one, of a type that it or the request names, and be what its digest says.

    botocore, ecr PutImage: its errors, and imageManifestMediaType. The message for a missing type is
    UNVERIFIED.
    """
    manifest = request.get("imageManifest", "")
    try:
        document = json.loads(manifest)
    except (ValueError, TypeError):
        raise Refused("InvalidParameterException", "Invalid parameter at 'ImageManifest'") from None
    if not (request.get("imageManifestMediaType") or document.get("mediaType")):
        raise Refused(
            "InvalidParameterException",
            "Invalid parameter at 'ImageManifest': it names no mediaType, nor does the request",
        )
    digest = f"sha256:{hashlib.sha256(manifest.encode()).hexdigest()}"
    if request.get("imageDigest", digest) != digest:
        raise Refused(
            "ImageDigestDoesNotMatchException",
            f"The specified image digest does not match the digest of the manifest, {digest}",
        )


def _not_found(repository: str, identifier: Record) -> Refused:
    digest, tag = identifier.get("imageDigest", "null"), identifier.get("imageTag", "null")
    return Refused(
        "ImageNotFoundException",
        f"The image with imageId {{imageDigest:'{digest}', imageTag:'{tag}'}} does not exist within the "
        f"repository with name '{repository}' in the registry with id '{engine.account()}'",
    )
