"""What an environment holds while nobody releases and nobody asks it anything: quantities, not prices.

What AWS charges for by its mere existence, or by what flows into it, is listed for each layer from `build/`.
"""

from collections import Counter
from collections.abc import Iterator

from ecs_blue_green.documents.generated import LAYERS, ORDER, _table

# What a resource of each type is while it idles; the others cost nothing by being there.
QUANTITIES = {
    "AWS::ApplicationAutoScaling::ScalingPolicy": "2 alarms each, which Application Auto Scaling makes",
    "AWS::CloudWatch::Alarm": "an alarm each; those on a share of errors read 2 metrics",
    "AWS::CodePipeline::Pipeline": "1 pipeline of type V2, charged by the minute of its actions",
    "AWS::ECR::Repository": "images: `ImageRetentionCount` released ones, the first, the last 30 days'",
    "AWS::ECS::Cluster": "the metrics of Container Insights: of the cluster, the service, the tasks",
    "AWS::ECS::Service": "`MinCapacity` tasks of `TaskCpu` and `TaskMemory`; in a release twice as many",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "an application load balancer, a public address a zone",
    "AWS::Lambda::Function": "nothing; it runs for about a minute in each release",
    "AWS::Logs::LogGroup": "what is written to it, kept for `LogRetentionDays`",
    "AWS::S3::Bucket": "the files of releases, a few MB each, kept for `ArtifactRetentionDays`",
    "AWS::CodeBuild::Project": "nothing; a build runs for some minutes in each release",
}


def idle_table() -> str:
    """Each layer with what it holds."""
    return _table(("Layer", "Number", "What is there all the time"), _rows())


def _rows() -> Iterator[tuple[str, str, str]]:
    for slug in ORDER:
        counted = Counter(resource["Type"] for resource in LAYERS[slug].resources.values())
        for kind, quantity in QUANTITIES.items():
            if counted[kind]:
                yield slug, f"{counted[kind]} `{kind.removeprefix('AWS::')}`", quantity
