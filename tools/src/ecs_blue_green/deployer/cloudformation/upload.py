"""How a template reaches CloudFormation: in the call, or through a bucket when it is too long for that.

The bucket belongs to the team and is never created or deleted here. The object exists while the change set is
created: CloudFormation reads it with the caller's permissions, and stores the template with the change set.
UNVERIFIED: that it does not read the object once more at the execution; docs/first-run.md asks.
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html
"""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ecs_blue_green.deployer import remedies
from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import Failed
from ecs_blue_green.deployer.layers import Layer


@contextmanager
def template_argument(aws: Aws, environment: Environment, layer: Layer) -> Iterator[dict[str, str]]:
    """The argument with a layer's template for a call. Its object in the bucket is deleted after the block.

    Raises Failed when the object cannot be written, or cannot be deleted after a successful block.
    """
    bucket = environment.template_bucket
    if not layer.is_too_long or not bucket:
        yield {"TemplateBody": layer.sent}
        return
    text = layer.sent.encode()
    # Below the stack's name, for which the deployer has permissions; the suffix keeps two runs apart.
    digest = hashlib.sha256(text).hexdigest()
    key = f"{environment.stack_name(layer.slug)}/{digest}-{secrets.token_hex(4)}"
    client = aws.client("s3")
    try:
        version = client.put_object(Bucket=bucket, Key=key, Body=text).get("VersionId")
    except ClientError as error:
        raise Failed(
            f"build/{layer.slug}.yaml cannot be written to template_bucket {bucket}",
            error.response["Error"]["Message"].rstrip("."),
            f"correct template_bucket in params/{environment.name}.yaml; your permissions are in"
            " docs/deployer-policy.yaml, with its parameter TemplateBucket",
        ) from error
    # With its version, or a versioned bucket keeps the template.
    location: Any = {"Bucket": bucket, "Key": key, **({"VersionId": version} if version else {})}
    try:
        yield {"TemplateURL": f"{client.meta.endpoint_url}/{bucket}/{key}"}
    except BaseException:
        # The first error is reported, even if the deletion fails too.
        with suppress(ClientError, BotoCoreError):
            client.delete_object(**location)
        raise
    try:
        client.delete_object(**location)
    except (ClientError, BotoCoreError) as error:
        of_version = f" --version-id {version}" if version else ""
        raise Failed(
            f"build/{layer.slug}.yaml is left in template_bucket {bucket}",
            f"it cannot be deleted: {str(error).rstrip('.')}",
            remedies.DELETE_TEMPLATE(bucket=bucket, key=key, version=of_version),
        ) from error
