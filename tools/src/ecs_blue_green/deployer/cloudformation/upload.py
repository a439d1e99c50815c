"""A template as CloudFormation is given it: in the call, or where it is too long for that, through a bucket.

The bucket is somebody's, never made and never deleted here. The object is there while the change set is made:
CloudFormation reads the template with the caller's rights then, and keeps it with the change set. UNVERIFIED:
that it does not read the object once more at the execution; docs/first-run.md asks.
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
def given(aws: Aws, environment: Environment, layer: Layer) -> Iterator[dict[str, str]]:
    """The argument with a layer's template for a call. Its object in the bucket is removed after the block.

    Raises Failed when the bucket does not take it, and when it does not let it go after a block that ended
    well.
    """
    bucket = environment.template_bucket
    if not layer.is_too_long or not bucket:
        yield {"TemplateBody": layer.sent}
        return
    text = layer.sent.encode()
    # Below the stack's name, by which the deployer's rights know it; the end keeps two runs apart.
    digest = hashlib.sha256(text).hexdigest()
    key = f"{environment.stack_name(layer.slug)}/{digest}-{secrets.token_hex(4)}"
    client = aws.client("s3")
    try:
        version = client.put_object(Bucket=bucket, Key=key, Body=text).get("VersionId")
    except ClientError as error:
        raise Failed(
            f"template_bucket {bucket} does not take build/{layer.slug}.yaml",
            error.response["Error"]["Message"].rstrip("."),
            f"correct template_bucket in params/{environment.name}.yaml; your rights are in"
            " docs/deployer-policy.yaml, with its parameter TemplateBucket",
        ) from error
    # With its version, or a bucket that keeps versions keeps the template.
    one: Any = {"Bucket": bucket, "Key": key, **({"VersionId": version} if version else {})}
    try:
        yield {"TemplateURL": f"{client.meta.endpoint_url}/{bucket}/{key}"}
    except BaseException:
        # Why it ended is told, also where this is refused too.
        with suppress(ClientError, BotoCoreError):
            client.delete_object(**one)
        raise
    try:
        client.delete_object(**one)
    except (ClientError, BotoCoreError) as error:
        of_version = f" --version-id {version}" if version else ""
        raise Failed(
            f"build/{layer.slug}.yaml stays in template_bucket {bucket}",
            f"it cannot be deleted there: {str(error).rstrip('.')}",
            remedies.DELETE_TEMPLATE(bucket=bucket, key=key, version=of_version),
        ) from error
