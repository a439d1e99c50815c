"""The changes, each made in a copy as a team makes it."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

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


def parameter_files(root: Path) -> list[Path]:
    """The environments of a copy."""
    return sorted((root / "params").glob("*.yaml"))


def replace(path: Path, old: str, new: str) -> None:
    """Put one text in the place of another, which must be there."""
    text = path.read_text(encoding="utf-8")
    if old not in text:
        raise LookupError(f"{path} has no {old!r}")
    path.write_text(text.replace(old, new), encoding="utf-8")


def own_names(root: Path) -> None:
    """Another project, other accounts, clusters and repository."""
    for path in parameter_files(root):
        replace(path, "project: sample", "project: shop")
        replace(path, "ClusterName: sample", "ClusterName: shop")
        replace(path, "GitHubOwner: acme", "GitHubOwner: octo-org")
        replace(path, "GitHubRepository: shop", "GitHubRepository: web-shop")
    for name, old, new in (("dev", "1" * 12, "345678901234"), ("prod", "2" * 12, "456789012345")):
        for path in (root / "params").glob(f"{name}.yaml"):
            replace(path, old, new)


def renamed_environment(root: Path) -> None:
    """What was called dev is called staging."""
    path = root / "params" / "dev.yaml"
    text = re.sub(r"ClusterName: (\w+)-dev", r"ClusterName: \1-staging", path.read_text())
    path.with_name("staging.yaml").write_text(text)
    path.unlink()


def third_region(root: Path) -> None:
    """An environment more, in a region that none had."""
    path = root / "params" / "prod.yaml"
    text = re.sub(r"ClusterName: (\w+)", r"ClusterName: \1-eu", path.read_text())
    text = re.sub(r'account: "\d+"', 'account: "567890123456"', text)
    text = re.sub(r"(arn:aws:acm:[a-z0-9-]+:)\d+", r"\g<1>567890123456", text)
    path.with_name("eu.yaml").write_text(text.replace("ap-northeast-1", "eu-central-1"))


def no_certificate(root: Path) -> None:
    """No environment speaks HTTPS."""
    for path in parameter_files(root):
        path.write_text(re.sub(r"^.*(certificate|HTTPS).*\n", "", path.read_text(), flags=re.I | re.M))


def another_tag(root: Path) -> None:
    """Stacks have other tags, and more of them."""
    for path in parameter_files(root):
        replace(path, "tags: {team: platform}", 'tags: {team: checkout, cost-center: "4711"}')


def port_and_secret(root: Path) -> None:
    """The application listens elsewhere, and is given a secret."""
    for path in parameter_files(root):
        text = path.read_text()
        region, account = (
            re.findall(rf'^{key}: "?([\w-]+)', text, re.MULTILINE)[0] for key in ("region", "account")
        )
        secret = f"arn:aws:secretsmanager:{region}:{account}:secret:shop/database-AbCdEf"
        path.write_text(f"{text.rstrip()}\n  ContainerPort: 8080\n  DatabaseUrlArn: {secret}\n")
    replace(root / "app" / "Dockerfile", "EXPOSE 1323", "EXPOSE 8080")
    replace(root / "app" / "main.py", "1323", "8080")
    replace(
        root / "templates" / "_application.py",
        "SECRETS: tuple[Secret, ...] = ()",
        'SECRETS: tuple[Secret, ...] = (\n    Secret("DATABASE_URL", "DatabaseUrlArn", "Where the application'
        ' finds its database"),\n)',
    )


def layer_with_a_queue(root: Path) -> None:
    """A module, and its entry in LAYERS."""
    (root / "templates" / "queue.py").write_text(QUEUE)
    layers = root / "templates" / "__init__.py"
    replace(layers, "    pipeline,\n    service,\n", "    pipeline,\n    queue,\n    service,\n")
    replace(layers, '    "pipeline": pipeline,\n', '    "pipeline": pipeline,\n    "queue": queue,\n')


def all_of_them(root: Path) -> None:
    """Everything above."""
    for change in (*list(CHANGES.values())[:-1],):
        change(root)


CHANGES: Mapping[str, Callable[[Path], None]] = {
    "own-names": own_names,
    "renamed-environment": renamed_environment,
    "third-region": third_region,
    "no-certificate": no_certificate,
    "another-tag": another_tag,
    "port-and-secret": port_and_secret,
    "layer-with-a-queue": layer_with_a_queue,
    "all-of-them": all_of_them,
}
