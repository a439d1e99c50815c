"""Pre-deployment validation: AWS's page and reports of users differ; either can be emulated."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

# What a validation can find: a cause of failure, a warning, or that it was not done.
FINDINGS = ("FAIL", "WARN", "SKIPPED")
# The page lists types that are not validated (autumn 2026); these are the ones of our templates. It has log
# groups too, but a name conflict of one has been seen within seconds. Nobody knows which are really left out:
# `Early.every_type` emulates that none is.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/validate-stack-deployments.html
NOT_VALIDATED = {
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::CodeBuild::Project",
    "AWS::CodeDeploy::DeploymentGroup",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::ECR::Repository",
    "AWS::ECS::Cluster",
    "AWS::ECS::Service",
    "AWS::ECS::TaskDefinition",
    "AWS::ElasticLoadBalancingV2::Listener",
    "AWS::ElasticLoadBalancingV2::ListenerCertificate",
    "AWS::IAM::Role",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::WAFv2::WebACLAssociation",
}


@dataclass(frozen=True)
class Early:
    """What validation looks at, and what it finds besides.

    `every_type`: also at those types of which AWS's page says that they are not validated. `findings` has
    what it finds in each resource of a type that a change set touches: FAIL, WARN or SKIPPED.
    """

    every_type: bool = False
    findings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def looks_at(self, kind: str) -> bool:
        """Whether resources of a type are validated."""
        return self.every_type or kind not in NOT_VALIDATED

    @property
    def options(self) -> list[str]:
        """The same, as options of `serve`."""
        findings = [f"--finding={kind}={mode}" for kind, mode in self.findings.items()]
        return [*(["--early-validation=every"] if self.every_type else []), *findings]


DOCUMENTED = Early()


def finding(text: str) -> tuple[str, str]:
    """A type and what is found in it, from `TYPE=WARN`; raises ValueError for anything else."""
    kind, _, mode = text.partition("=")
    if not kind or mode not in FINDINGS:
        raise ValueError(text)
    return kind, mode
