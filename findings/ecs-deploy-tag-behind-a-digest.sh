#!/bin/sh
# ecs-deploy 1.17.0: `--tag v2` replaces what stands behind the last colon of an image. Of one that is named by its digest
# that is the digest's text, so the new revision names the digest `sha256:v2`; of one without a tag in a registry with a
# port, it is the port and the repository. Both are shown as a change of the image, and registered.
# Guessed: a tag takes the place of a tag or of a digest, as the reference grammar of images divides them.
# Seen (November 2026): what is expected below.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check ecs-deploy==1.17.0 moto==5.2.5 boto3==1.44.8
cat >"$folder/expected" <<'EXPECTED'
shop:v1 becomes shop:v2
shop@sha256:1... becomes shop@sha256:v2
registry.example:5000/shop becomes registry.example:v2
EXPECTED
cd "$folder"
env/bin/python - >seen <<'PYTHON'
import boto3
from ecs_deploy.ecs import DeployAction, EcsClient
from moto import mock_aws

DIGEST = "1" * 64
ACCOUNT = {"region_name": "us-east-1", "aws_access_key_id": "test", "aws_secret_access_key": "test"}


def released(image):
    """What `ecs deploy shop web --tag v2` registers for a service with this image."""
    with mock_aws():
        ecs = boto3.client("ecs", **ACCOUNT)
        ecs.create_cluster(clusterName="shop")
        container = {"name": "web", "image": image, "memory": 128}
        ecs.register_task_definition(family="web", containerDefinitions=[container])
        ecs.create_service(cluster="shop", serviceName="web", taskDefinition="web", desiredCount=1)
        client = EcsClient(access_key_id="test", secret_access_key="test", region="us-east-1")
        deployment = DeployAction(client, "shop", "web")
        revision = deployment.get_current_task_definition(deployment.service)
        revision.set_images("v2")
        deployment.update_task_definition(revision)
        described = ecs.describe_task_definition(taskDefinition="web")["taskDefinition"]
        return described["containerDefinitions"][0]["image"]


for image in "shop:v1", f"shop@sha256:{DIGEST}", "registry.example:5000/shop":
    print(image.replace(DIGEST, "1..."), "becomes", released(image))
PYTHON
cat seen
diff expected seen >&2 || { echo "$0: this has changed" >&2; exit 1; }
