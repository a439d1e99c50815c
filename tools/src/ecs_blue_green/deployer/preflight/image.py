"""The image with which the service is created: every later release has its own.

A service whose image is missing waits for hours for tasks that cannot start, so the image comes first.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from ecs_blue_green.deployer import clock, commands, remedies, template
from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.clock import Sleep
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import BadInput, Failed
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.planning.survey import Survey
from ecs_blue_green.deployer.preflight import engine
from ecs_blue_green.deployer.rules import SERVICE, TASK_DEFINITION
from ecs_blue_green.deployer.session import Session
from ecs_blue_green.runtime import Image as NamedImage

REPOSITORY = "AWS::ECR::Repository"
# A task definition's names for what an image is built for, and those of the engines.
ARCHITECTURES = {"X86_64": "amd64", "ARM64": "arm64"}
# Attestations would be images of their own in the repository, and count as such.
VARIABLES = {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}


@dataclass(frozen=True)
class Image:
    """Where the image goes, what it is built from and for, and the layers around it.

    `parameter` sets its tag, `layer` makes the repository, `service_layer` the service that runs it. `named`
    has the paths of what it is built from, below `root`.
    """

    repository: str
    tag: str
    parameter: str
    platform: str
    root: Path
    named: NamedImage
    layer: str
    service_layer: str

    def __str__(self) -> str:
        """`repository:tag`."""
        return f"{self.repository}:{self.tag}"


def required_image(
    environment: Environment, layers: Mapping[str, Layer], named: NamedImage, root: Path
) -> Image:
    """The image of an environment, read from its templates; `named` says by which parameter and folder."""
    layer, repository = _resource(layers, REPOSITORY)
    defining_layer, task_definition = _resource(layers, TASK_DEFINITION)
    service_layer, _ = _resource(layers, SERVICE)
    tags = (template.parameter_values(of_layer, environment) for of_layer in layers.values())
    # Fargate's defaults.
    platform = {"OperatingSystemFamily": "LINUX", "CpuArchitecture": "X86_64"} | {
        key: template.text(value, layers[defining_layer], environment)
        for key, value in task_definition.get("RuntimePlatform", {}).items()
    }
    return Image(
        repository=template.text(repository["RepositoryName"], layers[layer], environment),
        tag=next(values[named.tag] for values in tags if named.tag in values),
        parameter=named.tag,
        platform=f"{platform['OperatingSystemFamily'].lower()}/{ARCHITECTURES[platform['CpuArchitecture']]}",
        root=root,
        named=named,
        layer=layer,
        service_layer=service_layer,
    )


def needed(survey: Survey) -> bool:
    """Whether a service will be created, which starts its first tasks with this image."""
    return any(resource.type == SERVICE for _, _, resource in survey.new_resources())


def digest(aws: Aws, image: Image) -> str | None:
    """The digest of the image in the repository; None when it does not exist."""
    try:
        details = aws.client("ecr").describe_images(
            repositoryName=image.repository, imageIds=[{"imageTag": image.tag}]
        )["imageDetails"]
    except ClientError as error:
        if error.response["Error"]["Code"] in ("ImageNotFoundException", "RepositoryNotFoundException"):
            return None
        raise
    return str(details[0]["imageDigest"]) if details else None


def push(
    session: Session,
    image: Image,
    program: str | None,
    *,
    shown: bool = False,
    sleep: Sleep = clock.sleep,
) -> tuple[str, bool]:
    """Build and push the image, unless the repository has it. Its digest, and whether it was made now.

    Raises BadInput without a repository, a Dockerfile or an engine; Failed when the engine fails.
    """
    aws = session.aws
    client = aws.client("ecr")
    try:
        uri = client.describe_repositories(repositoryNames=[image.repository])["repositories"][0][
            "repositoryUri"
        ]
    except ClientError as error:
        if error.response["Error"]["Code"] != "RepositoryNotFoundException":
            raise
        raise BadInput(
            f"there is no repository {image.repository}",
            f"the layer {image.layer} creates it",
            remedies.DEPLOY(deploy=commands.make("deploy", session.environment.name, ONLY=image.layer)),
        ) from error
    existing = digest(aws, image)
    if existing:
        return existing, False
    named = image.named
    if not (image.root / named.dockerfile_path).is_file():
        raise BadInput(f"there is no {named.dockerfile_path}", "the image is built from it")
    program = program or engine.running()
    if program is None:
        raise BadInput(
            "no container engine runs here",
            f"neither of {' and '.join(engine.PROGRAMS)} answers",
            "start one, or run this on a machine with one",
        )
    name = f"{uri}:{image.tag}"
    session.say(f"{program} builds {name} for {image.platform}")
    options = ["--provenance=false"] if engine.has_buildx(program) else []
    engine.run_program(
        [
            *(program, "build", "--platform", image.platform, *options),
            *("--build-arg", f"VERSION={image.tag}", "--tag", name),
            *(("--file", named.dockerfile) if named.dockerfile else ()),
            named.folder,
        ],
        cwd=image.root,
        variables=VARIABLES,
        shown=shown,
        sleep=sleep,
    )
    _log_in(aws, program, uri.partition("/")[0], image.root, sleep)
    session.say(f"{program} pushes it")
    try:
        engine.run_program([program, "push", name], cwd=image.root, shown=shown, sleep=sleep)
    except Failed:
        # Tags are immutable: another run may have pushed the same tag first, which is as good.
        existing = digest(aws, image)
        if existing is None:
            raise
        return existing, False
    pushed = digest(aws, image)
    if pushed is None:
        raise Failed(f"the repository has no image {image} after the push", f"{program} reported no failure")
    return pushed, True


def _log_in(aws: Aws, program: str, registry: str, folder: Path, sleep: Sleep) -> None:
    """Log the engine in for twelve hours. The password goes through a pipe, where nobody sees it."""
    token = aws.client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, _, password = base64.b64decode(token).decode().partition(":")
    command = [program, "login", "--username", user, "--password-stdin", registry]
    engine.run_program(command, cwd=folder, secret=password, sleep=sleep)


def steps(environment: Environment, image: Image) -> str:
    """What to type on a machine with an engine, one command a line. The first creates the repository."""
    lines = [
        commands.make("deploy", environment.name, ONLY=image.layer),
        commands.make("image", environment.name),
        commands.make("deploy", environment.name),
    ]
    return "".join(f"\n  {line}" for line in lines)


def _resource(layers: Mapping[str, Layer], resource_type: str) -> tuple[str, Mapping[str, Any]]:
    """The layer and the properties of the one resource of a type."""
    for slug, layer in layers.items():
        for resource in layer.resources.values():
            if resource["Type"] == resource_type:
                return slug, resource["Properties"]
    raise BadInput(f"build/ has no {resource_type}", "the deployer needs one", remedies.GENERATE())
