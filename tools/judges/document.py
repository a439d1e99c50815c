"""What was answered, as a file, and the document that is made of it and of what was judged."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from judges.compare import Answers, Difference, differences

FOLDER = Path(__file__).resolve().parent
RECORD = FOLDER / "record.json"
JUDGEMENTS = FOLDER / "judgements.yaml"
DOCUMENT = FOLDER.parents[1] / "docs" / "emulator-differences.md"
SERVERS = ("ours", "ministack", "moto")

# The API reference of each service, in which each operation has a page.
REFERENCES = {
    "cloudformation": "AWSCloudFormation/latest/APIReference",
    "cloudwatch": "AmazonCloudWatch/latest/APIReference",
    "codebuild": "codebuild/latest/APIReference",
    "codeconnections": "codeconnections/latest/APIReference",
    "codedeploy": "codedeploy/latest/APIReference",
    "codepipeline": "codepipeline/latest/APIReference",
    "ec2": "AWSEC2/latest/APIReference",
    "ecr": "AmazonECR/latest/APIReference",
    "ecs": "AmazonECS/latest/APIReference",
    "elbv2": "elasticloadbalancing/latest/APIReference",
    "iam": "IAM/latest/APIReference",
    "kms": "kms/latest/APIReference",
    "logs": "AmazonCloudWatchLogs/latest/APIReference",
    "route53": "Route53/latest/APIReference",
    "s3": "AmazonS3/latest/API",
    "secretsmanager": "secretsmanager/latest/apireference",
    "service-quotas": "servicequotas/2019-06-24/apireference",
    "ssm": "systems-manager/latest/APIReference",
    "wafv2": "waf/latest/APIReference",
}


@dataclass(frozen=True)
class Judgement:
    """What AWS's documentation says of some calls, and who answers as it says."""

    calls: tuple[str, ...]
    says: str
    right: str
    follows: str


@dataclass(frozen=True)
class Record:
    """The last comparison: versions, how each call ended on our emulator, and what was not answered alike."""

    versions: Mapping[str, str]
    ours: Mapping[str, Mapping[str, Any]]
    differences: tuple[Difference, ...]


def record(answers: Answers, versions: Mapping[str, str]) -> None:
    """Keep a comparison."""
    ours = {what: {"code": of.code, "facts": dict(of.facts)} for what, of in answers["ours"].items()}
    found = [asdict(one) for one in differences(answers)]
    parts: dict[str, list[Any]] = {
        "versions": [dict(versions)],
        "ours": [{what: of} for what, of in ours.items()],
        "differences": found,
    }
    # A line for each call: what changes is seen in a diff.
    lines = {
        name: ",\n".join(json.dumps(member, ensure_ascii=False) for member in members)
        for name, members in parts.items()
    }
    text = ",\n".join(f'"{name}": [\n{members}\n]' for name, members in lines.items())
    RECORD.write_text(f"{{{text}}}\n", encoding="utf-8")


def read() -> Record:
    """The comparison that was kept last."""
    kept = json.loads(RECORD.read_text(encoding="utf-8"))
    return Record(
        kept["versions"][0],
        {what: of for one in kept["ours"] for what, of in one.items()},
        tuple(
            Difference(
                **{
                    **one,
                    **{
                        name: {server: tuple(members) for server, members in one[name].items()}
                        for name in ("lacking", "unread")
                    },
                }
            )
            for one in kept["differences"]
        ),
    )


def judgements() -> list[Judgement]:
    """What was judged, in the order of the file."""
    return [
        Judgement(tuple(one["calls"]), one["says"], one["right"], one["follows"])
        for one in yaml.safe_load(JUDGEMENTS.read_text(encoding="utf-8"))
    ]


def unjudged(kept: Record) -> tuple[set[str], set[str]]:
    """The calls that nobody has judged, and those of judgements that are answered alike."""
    judged = {what for one in judgements() for what in one.calls}
    wanted = {one.what for one in kept.differences if one.needs_a_judge}
    return wanted - judged, judged - wanted


def rendered(kept: Record) -> str:
    """The document."""
    judged = judgements()
    number = {what: place for place, one in enumerate(judged, start=1) for what in one.calls}
    differing = [one for one in kept.differences if one.needs_a_judge]
    unread = [one for one in kept.differences if not one.needs_a_judge]
    services = list(dict.fromkeys(one.service for one in differing))
    tables = "\n\n".join(
        f"### {service}\n\n{_table([one for one in differing if one.service == service], number)}"
        for service in services
    )
    return TEMPLATE.format(
        **kept.versions,
        calls=len(kept.ours),
        differing=len(differing),
        unread=len(unread),
        judgements=len(judged),
        alike=len(kept.ours) - len(kept.differences),
        tables=tables,
        judged="\n".join(_judgement(place, one) for place, one in enumerate(judged, start=1)),
    )


def _table(found: list[Difference], number: Mapping[str, int]) -> str:
    rows = ["| Asked | Ours | ministack | moto | Judged |", "| --- | --- | --- | --- | --- |"]
    for one in found:
        cells = [_asked(one), *(_cell(one, server) for server in SERVERS)]
        rows.append(f"| {' | '.join(cells)} | [{number[one.what]}](#j{number[one.what]}) |")
    return "\n".join(rows)


def _asked(one: Difference) -> str:
    service, operation = one.operation.split()
    page = f"https://docs.aws.amazon.com/{REFERENCES[service]}/API_{operation}.html"
    return f"{one.what} ([{operation}]({page}))"


def _cell(one: Difference, server: str) -> str:
    code = one.codes[server]
    parts = [f"`{code}`" if code[0].isupper() else code]
    facts = one.facts.get(server, {})
    others = [of for name, of in one.facts.items() if name != server]
    parts += [
        f"{name}: {value}" for name, value in facts.items() if any(of.get(name) != value for of in others)
    ]
    if members := one.lacking.get(server):
        parts.append("without " + ", ".join(f"`{member}`" for member in members))
    return "; ".join(parts)


def _judgement(place: int, one: Judgement) -> str:
    said = f"AWS: {one.says.strip()} Right: {one.right.strip()}. Ours: {one.follows.strip()}"
    return f'{place}. <a id="j{place}"></a>{said}'


TEMPLATE = """\
# The emulator beside emulators that others wrote

<!-- Written by `make judges` from tools/judges/record.json and tools/judges/judgements.yaml. -->

Tests that we wrote for an emulator that we wrote can be wrong together. So {calls} calls that the
deployer makes, for reading and for writing, are put to three servers, on an account with the same
things in it: our emulator (*ours*); ministack {ministack}, on which ours is built, without anything of
ours; and moto's server {moto}. {alike} of them are answered alike. Where one is answered otherwise,
none of the three is the judge, but AWS's documentation: the API reference behind the operation's name,
whose text botocore {botocore} has too.

Compared are the error's code, which members an answer has, what the deployer goes by in it (a state, a
number, certain words of a message) and the order where AWS defines one; not ids, times and wording. A
list that is empty and one that is left out are the same. In {unread} more calls the answers differ only
in members that AWS does not require and that the deployer reads nowhere; they are in
`tools/judges/record.json`.

*not offered*: the server lacks the service or the operation. *an error of its own*: it answers with a
failure inside of it (HTTP 500). What CloudFormation makes on AWS is made here by the services' own
calls, as not every server has each resource type. ministack and moto are made for other ends than this
one: the table is about ours.

`make judges` asks all three again and writes this page; it ends with 1 where a difference has no
judgement in `tools/judges/judgements.yaml`. `tools/tests/judges` holds our emulator to what is said of
it here, without the others.

## Where the answers differ

{tables}

## What was judged

{judged}
"""
