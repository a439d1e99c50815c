"""The container repository of the application.

Owns: the ECR repository and its lifecycle. Imports: nothing. Exports: the repository's name, ARN and URI.
"""

import json

from troposphere import GetAtt, If, Parameter, Ref, Sub, Template
from troposphere.ecr import (
    EncryptionConfiguration,
    ImageScanningConfiguration,
    LifecyclePolicy,
    Repository,
)

from templates._application import application_name
from templates._exports import export
from templates._parameters import is_protected

UNTAGGED_IMAGE_DAYS = 1
UNRELEASED_IMAGE_DAYS = 30


def build() -> Template:
    """The container-repository layer's template."""
    t = Template(Description="Container repository of the application")
    t.set_version()
    name = application_name(t)
    protected = is_protected(t)

    image_retention_count = t.add_parameter(
        Parameter(
            "ImageRetentionCount",
            Type="Number",
            Description="How many released images are kept: so many releases back a rollback can reach",
            Default=10,
            MinValue=2,
            MaxValue=1000,
        )
    )

    repository = t.add_resource(
        Repository(
            "Repository",
            RepositoryName=name,
            # A tag names one image for ever: what a task pulls again is what was released.
            ImageTagMutability="IMMUTABLE",
            ImageScanningConfiguration=ImageScanningConfiguration(ScanOnPush=True),
            EncryptionConfiguration=EncryptionConfiguration(EncryptionType="AES256"),
            LifecyclePolicy=LifecyclePolicy(
                LifecyclePolicyText=Sub(_lifecycle_policy_text(), RetentionCount=Ref(image_retention_count))
            ),
            EmptyOnDelete=If(protected, False, True),
        )
    )

    export(t, "RepositoryName", Ref(repository), "Name of the container repository")
    export(t, "RepositoryArn", GetAtt(repository, "Arn"), "ARN of the container repository")
    export(t, "RepositoryUri", GetAtt(repository, "RepositoryUri"), "Where images are pushed to")
    return t


def _lifecycle_policy_text() -> str:
    # An image that matches a rule of higher priority (a lower number) is never expired by a later one, so
    # neither failed builds nor time can expire the image in production, nor the first one.
    # https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
    rules: list[dict[str, object]] = []
    return json.dumps({"rules": rules}, indent=1)
