"""The artifact bucket, through which the pipeline's actions pass files, and who may access what in it."""

from collections.abc import Sequence

import awacs.s3
from awacs.aws import Bool, Condition, Deny, Principal, SecureTransport, Statement
from troposphere import GetAtt, If, NoValue, Ref, Sub, Template
from troposphere.s3 import (
    AbortIncompleteMultipartUpload,
    Bucket,
    BucketEncryption,
    BucketPolicy,
    LifecycleConfiguration,
    LifecycleRule,
    LoggingConfiguration,
    NoncurrentVersionExpiration,
    OwnershipControls,
    OwnershipControlsRule,
    PublicAccessBlockConfiguration,
    ServerSideEncryptionByDefault,
    ServerSideEncryptionRule,
    VersioningConfiguration,
)

from templates._iam import allow, policy
from templates._parameters import has

# Names of the artifacts. The object key of an artifact is <pipeline>/<artifact>/<random>, with the names cut
# to 20 and 10 characters; these names are short enough, so a role can get permissions for its own artifacts
# by name. Observed in every pipeline's bucket, but not documented: UNVERIFIED.
SOURCE = "Source"
IMAGE = "Image"
RELEASE = "Release"
# All of them, and everything else that CodePipeline stores in the bucket.
EVERY = "*"

NONCURRENT_DAYS = 1
INCOMPLETE_UPLOAD_DAYS = 1


def add_artifact_bucket(t: Template) -> Bucket:
    """The private, versioned bucket, whose objects expire and which accepts TLS only."""
    has_artifact_log_bucket = has(t, "ArtifactLogBucketName")
    artifact_bucket = t.add_resource(
        Bucket(
            "ArtifactBucket",
            PublicAccessBlockConfiguration=PublicAccessBlockConfiguration(
                BlockPublicAcls=True,
                BlockPublicPolicy=True,
                IgnorePublicAcls=True,
                RestrictPublicBuckets=True,
            ),
            OwnershipControls=OwnershipControls(
                Rules=[OwnershipControlsRule(ObjectOwnership="BucketOwnerEnforced")]
            ),
            BucketEncryption=BucketEncryption(
                ServerSideEncryptionConfiguration=[
                    ServerSideEncryptionRule(
                        ServerSideEncryptionByDefault=ServerSideEncryptionByDefault(SSEAlgorithm="AES256")
                    )
                ]
            ),
            VersioningConfiguration=VersioningConfiguration(Status="Enabled"),
            LoggingConfiguration=If(
                has_artifact_log_bucket,
                LoggingConfiguration(
                    DestinationBucketName=Ref("ArtifactLogBucketName"), LogFilePrefix="artifacts/"
                ),
                NoValue,
            ),
            LifecycleConfiguration=LifecycleConfiguration(
                Rules=[
                    LifecycleRule(
                        Id="Expire",
                        Status="Enabled",
                        ExpirationInDays=Ref("ArtifactRetentionDays"),
                        NoncurrentVersionExpiration=NoncurrentVersionExpiration(
                            NoncurrentDays=NONCURRENT_DAYS
                        ),
                        AbortIncompleteMultipartUpload=AbortIncompleteMultipartUpload(
                            DaysAfterInitiation=INCOMPLETE_UPLOAD_DAYS
                        ),
                    )
                ]
            ),
        )
    )
    t.add_resource(
        BucketPolicy(
            "ArtifactBucketPolicy",
            Bucket=Ref(artifact_bucket),
            PolicyDocument=policy(
                Statement(
                    Effect=Deny,
                    Principal=Principal("*"),
                    Action=[awacs.s3.Action("*")],
                    Resource=[GetAtt(artifact_bucket, "Arn"), Sub(f"${{{artifact_bucket.title}.Arn}}/*")],
                    Condition=Condition(Bool({SecureTransport: "false"})),
                )
            ),
        )
    )
    return artifact_bucket


def artifact_access(bucket: Bucket, reads: Sequence[str] = (), writes: Sequence[str] = ()) -> list[Statement]:
    """Statements for a role that reads and writes these artifacts and sees no others."""
    # What CodePipeline and CodeBuild read before they use a bucket.
    # https://docs.aws.amazon.com/codepipeline/latest/userguide/how-to-custom-role.html
    of_bucket = [awacs.s3.GetBucketAcl, awacs.s3.GetBucketLocation, awacs.s3.GetBucketVersioning]
    of_objects = [awacs.s3.GetObject, awacs.s3.GetObjectVersion] if reads else []
    statements = [
        allow(
            [*of_bucket, *of_objects],
            GetAtt(bucket, "Arn"),
            *(artifact_objects(bucket, name) for name in reads),
        )
    ]
    if writes:
        statements.append(allow([awacs.s3.PutObject], *(artifact_objects(bucket, name) for name in writes)))
    return statements


def artifact_objects(bucket: Bucket, name: str) -> Sub:
    """ARN pattern of an artifact's objects."""
    return Sub(f"${{{bucket.title}.Arn}}/{EVERY if name == EVERY else f'*/{name}/*'}")
