"""The hosted zone in which the stacks create a record: it must exist, and the name must be free in it."""

from collections.abc import Iterator

from botocore.exceptions import ClientError

from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.planning.survey import Survey
from ecs_blue_green.deployer.preflight.finding import PreflightFinding, parameter
from ecs_blue_green.runtime import Domain

# Records that conflict with a new record of the same name.
# https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html
OTHERS = ("A", "CNAME")


def relevant(survey: Survey, domain: Domain | None) -> bool:
    """Whether the stacks make a record, or one of another name or in another zone."""
    if domain is None or not survey.value(domain.zone):
        return False
    return survey.concerns(domain.name, domain.zone)


def findings(aws: Aws, survey: Survey, domain: Domain) -> Iterator[PreflightFinding]:
    """What is wrong with the zone or the name."""
    zone, name = survey.value(domain.zone), survey.value(domain.name)
    client = aws.client("route53")
    try:
        zone_name = client.get_hosted_zone(Id=zone)["HostedZone"]["Name"].rstrip(".")
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchHostedZone":
            raise
        reason = f"does not exist in account {survey.environment.account}"
        yield PreflightFinding(parameter(domain.zone), zone, reason)
        return
    if name != zone_name and not name.endswith(f".{zone_name}"):
        yield PreflightFinding(
            parameter(domain.name), name, f"is not in the hosted zone {zone}, which is {zone_name}"
        )
        return
    # Sorted by name and type: what is wanted is the first.
    listed = client.list_resource_record_sets(
        HostedZoneId=zone, StartRecordName=name, StartRecordType="A", MaxItems="5"
    )
    for record in listed["ResourceRecordSets"]:
        if record["Name"].rstrip(".") == name and record["Type"] in OTHERS:
            yield PreflightFinding(
                parameter(domain.name),
                name,
                f"has a record {record['Type']} in the hosted zone {zone} that these stacks did not make",
                f"leave {domain.zone} empty until it may be replaced; delete the record then, just before the"
                " deploy that makes the new one",
            )
