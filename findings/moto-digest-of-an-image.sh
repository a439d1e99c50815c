#!/bin/sh
# moto 5.2.5: the digest that ECR's PutImage gives an image with an OCI manifest is not the SHA-256 of the manifest, as which
# the OCI specifications define it, and by which the image is then not found. Without layers, it is that of an empty text,
# so that different images have one digest.
# Guessed: a registry calls an image by the digest of its manifest.
# Seen (November 2026): what is expected below.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check moto==5.2.5 boto3==1.44.8
cat >"$folder/expected" <<'EXPECTED'
the digest of the manifest: False
the digest of an empty text: True
found by the digest of its manifest: ImageNotFoundException
digests of two images: 1
EXPECTED
cd "$folder"
env/bin/python - >seen <<'PYTHON'
import hashlib
import json

import boto3
from botocore.exceptions import ClientError
from moto import mock_aws


def manifest(config):
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": f"sha256:{config * 64}",
                "size": 2,
            },
            "layers": [],
        }
    )


with mock_aws():
    ecr = boto3.client("ecr", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    ecr.create_repository(repositoryName="app")
    pushed = ecr.put_image(repositoryName="app", imageTag="one", imageManifest=manifest("1"))
    given = pushed["image"]["imageId"]["imageDigest"]
    wanted = f"sha256:{hashlib.sha256(manifest('1').encode()).hexdigest()}"
    print("the digest of the manifest:", given == wanted)
    print("the digest of an empty text:", given == f"sha256:{hashlib.sha256(b'').hexdigest()}")
    try:
        ecr.describe_images(repositoryName="app", imageIds=[{"imageDigest": wanted}])
        print("found by the digest of its manifest: yes")
    except ClientError as error:
        print("found by the digest of its manifest:", error.response["Error"]["Code"])
    ecr.put_image(repositoryName="app", imageTag="two", imageManifest=manifest("2"))
    digests = {image["imageDigest"] for image in ecr.describe_images(repositoryName="app")["imageDetails"]}
    print("digests of two images:", len(digests))
PYTHON
cat seen
diff expected seen >&2 || { echo "$0: this has changed" >&2; exit 1; }
