"""The bucket through which the pipeline's actions hand files to one another, and who may touch what in it."""

from collections.abc import Sequence

import awacs.s3
from awacs.aws import Allow, Bool, Condition, Deny, Principal, SecureTransport, Statement
from troposphere import Equals, GetAtt, If, Not, NoValue, Parameter, Ref, Sub, Template
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

from templates._iam import policy

# Names of the artifacts. The store keeps an artifact as <pipeline>/<artifact>/<random>, with the names cut
# to 20 and 10 characters; these fit, so a role can be given its own artifacts by name. Long seen, in every
# pipeline's bucket, but in no documentation: UNVERIFIED.
SOURCE = "Source"
IMAGE = "Image"
RELEASE = "Release"
ARTIFACT_NAME_LENGTH = 10
# All of them, and whatever else CodePipeline keeps in the bucket.
EVERY = "*"

# An execution can wait for an approval for 7 days and in a queue before that.
ARTIFACT_DAYS = 30
NONCURRENT_DAYS = 1
INCOMPLETE_UPLOAD_DAYS = 1


def add_artifact_bucket(t: Template) -> Bucket:
    """The private, versioned, expiring bucket that answers over TLS only."""
    artifact_retention_days = t.add_parameter(
        Parameter(
            "ArtifactRetentionDays",
            Type="Number",
            Description="Days for which the files of a release are kept",
            Default=ARTIFACT_DAYS,
            MinValue=14,
            MaxValue=3650,
        )
    )
    artifact_log_bucket_name = t.add_parameter(
        Parameter(
            "ArtifactLogBucketName",
            Type="String",
            Description="Bucket for access logs of the artifacts, which has to let S3 write; empty: none",
            Default="",
            AllowedPattern="(|[a-z0-9][a-z0-9.-]{2,62})",
            ConstraintDescription="must be the name of a bucket in this region, or empty",
        )
    )
    has_artifact_log_bucket = t.add_condition(
        "HasArtifactLogBucket", Not(Equals(Ref(artifact_log_bucket_name), ""))
    )
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
                    DestinationBucketName=Ref(artifact_log_bucket_name), LogFilePrefix="artifacts/"
                ),
                NoValue,
            ),
            LifecycleConfiguration=LifecycleConfiguration(
                Rules=[
                    LifecycleRule(
                        Id="Expire",
                        Status="Enabled",
                        ExpirationInDays=Ref(artifact_retention_days),
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
    # What CodePipeline and CodeBuild ask before they use a bucket.
    # https://docs.aws.amazon.com/codepipeline/latest/userguide/how-to-custom-role.html
    of_bucket = [awacs.s3.GetBucketAcl, awacs.s3.GetBucketLocation, awacs.s3.GetBucketVersioning]
    of_objects = [awacs.s3.GetObject, awacs.s3.GetObjectVersion] if reads else []
    statements = [
        Statement(
            Effect=Allow,
            Action=[*of_bucket, *of_objects],
            Resource=[GetAtt(bucket, "Arn"), *(artifact_objects(bucket, name) for name in reads)],
        )
    ]
    if writes:
        statements.append(
            Statement(
                Effect=Allow,
                Action=[awacs.s3.PutObject],
                Resource=[artifact_objects(bucket, name) for name in writes],
            )
        )
    return statements


def artifact_objects(bucket: Bucket, name: str) -> Sub:
    """ARN pattern of an artifact's objects."""
    return Sub(f"${{{bucket.title}.Arn}}/{EVERY if name == EVERY else f'*/{name}/*'}")
