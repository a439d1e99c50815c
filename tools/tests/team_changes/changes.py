"""The changes, each made in a copy as a team makes it: also in a copy that a team has made its own."""

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from ecs_blue_green.testing.copies import edit, parameter_files, read, replace
from tests.team_changes.pages import blocks, section

QUEUE = '''"""A queue of the application's work, with one for what fails.

Owns: the two queues. Imports: nothing. Exports: nothing.
"""

from troposphere import GetAtt, Parameter, Ref, Template
from troposphere.sqs import Queue, RedrivePolicy

from templates._exports import output
from templates._parameters import template

PARAMETERS: tuple[Parameter, ...] = ()


def build() -> Template:
    """The queue layer's template."""
    t = template("Queue of the application's work", PARAMETERS)
    failed_queue = t.add_resource(
        Queue("FailedQueue", SqsManagedSseEnabled=True, MessageRetentionPeriod=1209600)
    )
    again = RedrivePolicy(deadLetterTargetArn=GetAtt(failed_queue, "Arn"), maxReceiveCount=5)
    work_queue = t.add_resource(Queue("WorkQueue", SqsManagedSseEnabled=True, RedrivePolicy=again))
    output(t, "WorkQueueUrl", Ref(work_queue), "Where work is sent")
    return t
'''


def team_files(root: Path) -> list[Path]:
    """Those that are on AWS, the one that matters least first."""
    found = [path for path in parameter_files(root) if path.stem != "local"]
    return sorted(found, key=lambda path: bool(read(path).get("protected")))


def own_names(root: Path) -> None:
    """Another project, other accounts, clusters and repository."""
    for path in parameter_files(root):
        parameters = {"GitHubOwner": "octo-org", "GitHubRepository": "web-orchard"}
        edit(path, project="orchard", parameters={**parameters, "ClusterName": f"orchard-{path.stem}"})
    accounts = sorted({read(path)["account"] for path in team_files(root)})
    for path in team_files(root):
        account = read(path)["account"]
        # Also in the ARNs.
        replace(path, account, str(345678901234 + accounts.index(account)))


def renamed_environment(root: Path) -> None:
    """What was called dev is called stage."""
    for path in team_files(root)[:1]:
        cluster = read(path)["parameters"]["ClusterName"].replace(path.stem, "stage")
        edit(path, to=path.with_name("stage.yaml"), parameters={"ClusterName": cluster})
        path.unlink()


def third_region(root: Path) -> None:
    """An environment more, in a region and an account that none had: docs/adding-an-environment.md."""
    (line,) = blocks(section(root, "docs/adding-an-environment.md"), "sh")[0].splitlines()
    copied, made = (root / name for name in line.split()[1:])
    # A team may call its own otherwise.
    path = copied if copied.exists() else team_files(root)[0]
    shutil.copy(path, made)
    settings = read(path)
    regions = {read(one)["region"] for one in parameter_files(root)}
    region = next(one for one in ("us-west-2", "eu-central-1", "sa-east-1") if one not in regions)
    cluster = settings["parameters"]["ClusterName"].replace(path.stem, made.stem)
    replace(made, r"(?m)^  ClusterName: .*$", f"  ClusterName: {cluster}")
    replace(made, settings["region"], region)
    replace(made, settings["account"], "567890123456")


def no_certificate(root: Path) -> None:
    """No environment speaks HTTPS."""
    for path in parameter_files(root):
        edit(path, parameters={"CertificateArn": None})


def another_tag(root: Path) -> None:
    """Stacks have other tags, and more of them."""
    for path in parameter_files(root):
        edit(path, tags={"team": "orchard", "cost-center": "4711"})


def port_and_secret(root: Path) -> None:
    """The application listens elsewhere, and is given a secret."""
    for path in parameter_files(root):
        place = f"{read(path)['region']}:{read(path)['account']}"
        secret = f"arn:aws:secretsmanager:{place}:secret:orchard/database-AbCdEf"
        edit(path, parameters={"ContainerPort": 8088, "OrchardUrlArn": secret})
    (old,) = re.findall(r"EXPOSE (\d+)", (root / "app" / "Dockerfile").read_text(encoding="utf-8"))
    replace(root / "app" / "Dockerfile", old, "8088")
    for path in (root / "app").glob("*.py"):
        if old in path.read_text(encoding="utf-8"):
            replace(path, rf"\b{old}\b", "8088")
    row = '    Secret("ORCHARD_URL", "OrchardUrlArn", "Where the application finds its orchard"),'
    application = root / "templates" / "_application.py"
    replace(application, r"(?m)^(SECRETS: .* = \()", rf"\1\n{row}\n")


def layer_with_a_queue(root: Path) -> None:
    """Its module, and its entry in LAYERS; and the layer of docs/adding-a-layer.md in the same way."""
    dashboard, *_ = blocks(section(root, "docs/adding-a-layer.md", "## The module"), "python")
    for name, module in (("work_queue", QUEUE), ("dashboard", dashboard)):
        (root / "templates" / f"{name}.py").write_text(module, encoding="utf-8")
        layers = root / "templates" / "__init__.py"
        slug = name.replace("_", "-")
        replace(layers, r"(?m)^(LAYERS: .* = \{)", rf'\1\n    "{slug}": {name},')
        replace(layers, r"(?m)^(from templates import \()", rf"\1\n    {name},")
        # Their names stand in order.
        text = layers.read_text(encoding="utf-8")
        head, names, rest = re.split(r"(?sm)(?<=^from templates import \(\n)(.*?)(?=^\))", text)
        layers.write_text(head + "".join(sorted(names.splitlines(keepends=True))) + rest, encoding="utf-8")


def all_of_them(root: Path) -> None:
    """Everything above."""
    for change in (third_region, layer_with_a_queue, *list(CHANGES.values())[:-1]):
        change(root)


CHANGES: Mapping[str, Callable[[Path], None]] = {
    "own-names": own_names,
    "renamed-environment": renamed_environment,
    "no-certificate": no_certificate,
    "another-tag": another_tag,
    "port-and-secret": port_and_secret,
    "all-of-them": all_of_them,
}
