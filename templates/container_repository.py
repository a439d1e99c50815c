"""The container repository of the application.

Owns: the ECR repository and its lifecycle. Imports: nothing. Exports: the repository's name, ARN and URI.

The pipeline pushes each image as `<commit>` and tags it `release-<commit>` once it has been deployed.
"""

import json

from troposphere import GetAtt, If, Parameter, Ref, Sub, Template
from troposphere.ecr import (
    EncryptionConfiguration,
    ImageScanningConfiguration,
    LifecyclePolicy,
    Repository,
)

from templates._application import APPLICATION_NAME, CODE, RELEASE_TAG_PREFIX
from templates._exports import export
from templates._parameters import has, is_protected, optional_value, shared, template
from templates._runtime import Changed, Runtime

PARAMETERS = (
    *shared("Project", "Environment", "Protected", "InitialImageTag"),
    Parameter(
        "ImageRetentionCount",
        Type="Number",
        Description="Number of released images to keep: a rollback can go back that many releases",
        Default=10,
        MinValue=2,
        MaxValue=1000,
    ),
    *shared("KmsKeyArn"),
)

UNTAGGED_IMAGE_DAYS = 1
UNRELEASED_IMAGE_DAYS = 30

RUNTIME = Runtime(
    changed_by=(
        Changed(
            "Repository",
            "pipeline: pushes `<commit>`, tags `release-<commit>` after a release; ECR expires images",
            "`ImageBuildRole`, `TagReleaseRole`",
        ),
    ),
    # A release pushes images, but does not change the repository's settings.
    untouched_by_releases=True,
    image={"tag": "InitialImageTag", **CODE.image},
)


def build() -> Template:
    """The container-repository layer's template."""
    t = template("Container repository of the application", PARAMETERS)
    protected = is_protected(t)
    repository = t.add_resource(
        Repository(
            "Repository",
            RepositoryName=APPLICATION_NAME,
            # Immutable tags: a task that pulls again gets the image that was released.
            ImageTagMutability="IMMUTABLE",
            ImageScanningConfiguration=ImageScanningConfiguration(ScanOnPush=True),
            EncryptionConfiguration=EncryptionConfiguration(
                EncryptionType=If(has(t, "KmsKeyArn"), "KMS", "AES256"), KmsKey=optional_value(t, "KmsKeyArn")
            ),
            LifecyclePolicy=LifecyclePolicy(LifecyclePolicyText=_lifecycle_policy_text()),
            # If this is false, deleting the stack fails as long as there are images.
            EmptyOnDelete=If(protected, False, True),
        )
    )

    export(t, "RepositoryName", Ref(repository), "Name of the container repository")
    export(t, "RepositoryArn", GetAtt(repository, "Arn"), "ARN of the container repository")
    export(t, "RepositoryUri", GetAtt(repository, "RepositoryUri"), "Where images are pushed to")
    return t


def _lifecycle_policy_text() -> Sub:
    # An image that a rule selects by its tag is never expired by a later rule, so neither failed builds nor
    # time can expire an image that was released, nor the first one.
    # https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
    rules = [
        _rule(
            "Keep the image that the service was created with: a tag names one image at most",
            {"tagStatus": "tagged", "tagPatternList": ["${InitialImageTag}"]},
            {"countType": "imageCountMoreThan", "countNumber": 1},
        ),
        _rule(
            "Keep the newest released images",
            {"tagStatus": "tagged", "tagPrefixList": [RELEASE_TAG_PREFIX]},
            {"countType": "imageCountMoreThan", "countNumber": "${ImageRetentionCount}"},
        ),
        _rule(
            "Drop what lost its tag",
            {"tagStatus": "untagged"},
            {"countType": "sinceImagePushed", "countUnit": "days", "countNumber": UNTAGGED_IMAGE_DAYS},
        ),
        _rule(
            "Drop what was built and never released",
            {"tagStatus": "any"},
            {"countType": "sinceImagePushed", "countUnit": "days", "countNumber": UNRELEASED_IMAGE_DAYS},
        ),
    ]
    text = json.dumps(
        {"rules": [{"rulePriority": number, **rule} for number, rule in enumerate(rules, 1)]}, indent=2
    )
    # CloudFormation inserts the number, so it must not be in quotes.
    return Sub(text.replace('"${ImageRetentionCount}"', "${ImageRetentionCount}"))


def _rule(description: str, images: dict[str, object], limit: dict[str, object]) -> dict[str, object]:
    return {"description": description, "selection": {**images, **limit}, "action": {"type": "expire"}}
