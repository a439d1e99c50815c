"""ECR, in which the image that the first service needs counts as present: a placeholder.

On AWS somebody pushes the first image between two stacks; here no task runs it.
"""

import hashlib
import json

from ecs_blue_green.emulator import engine, stores
from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.refusal import Refused

PLACEHOLDER_DIGEST = f"sha256:{'0' * 64}"


def install(placeholder_tag: str) -> None:
    """Have DescribeImages find the tag in every repository; refuse missing images and invalid manifests."""
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
        _require_new_tag(request)
        answer: Record = engine.answer_of(put(request))
        return answer

    engine.ecr._put_image = engine.json_operation(put_image)


def _require_manifest(request: Record) -> None:
    """A manifest must be valid, of a type that it or the request names, and match its digest.

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
    digest = _digest(manifest)
    if request.get("imageDigest", digest) != digest:
        raise Refused(
            "ImageDigestDoesNotMatchException",
            f"The specified image digest does not match the digest of the manifest, {digest}",
        )


def _require_new_tag(request: Record) -> None:
    """Refuse a tag that the image already has: botocore, ecr PutImage (ImageAlreadyExistsException)."""
    name, tag, manifest = request["repositoryName"], request.get("imageTag"), request["imageManifest"]
    identifier = {"imageTag": tag} if tag else {"imageDigest": _digest(manifest)}
    image = engine.ecr._find_image(name, identifier) if name in stores.repositories else None
    if image and image["imageDigest"] == _digest(manifest):
        raise Refused(
            "ImageAlreadyExistsException",
            f"Image with digest '{_digest(manifest)}' and tag '{tag}' already exists in the repository with "
            f"name '{name}' in registry with id '{engine.account()}'",
        )


def _digest(manifest: str) -> str:
    return f"sha256:{hashlib.sha256(manifest.encode()).hexdigest()}"


def _not_found(repository: str, identifier: Record) -> Refused:
    digest, tag = identifier.get("imageDigest", "null"), identifier.get("imageTag", "null")
    return Refused(
        "ImageNotFoundException",
        f"The image with imageId {{imageDigest:'{digest}', imageTag:'{tag}'}} does not exist within the "
        f"repository with name '{repository}' in the registry with id '{engine.account()}'",
    )
