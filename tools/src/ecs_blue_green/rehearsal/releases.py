"""What a task set runs: its revision from ECS, its code from the commit that its image was built of."""

import asyncio
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from ecs_blue_green.rehearsal import source, tasks
from ecs_blue_green.rehearsal.source import Code
from ecs_blue_green.rehearsal.stage import Stage
from ecs_blue_green.rehearsal.task_sets import Release

COMMIT_LENGTH = 40
# The version of files that no commit has.
UNCOMMITTED = "working-copy"


class Releases:
    """Finds the release of a task set, with the code of earlier commits of the repository.

    Where the stage's source has no commit, all of them run its files.
    """

    def __init__(self, stage: Stage) -> None:
        self._cloud = stage.cloud
        self._root = stage.root
        self._pushed = stage.source
        self._folder = stage.folder / "applications"

    async def of(self, task_set: Mapping[str, Any]) -> Release:
        """The release of a task set as ECS describes it."""
        return await asyncio.to_thread(self._of, task_set)

    def _of(self, task_set: Mapping[str, Any]) -> Release:
        target = task_set["loadBalancers"][0]
        described = self._cloud.client("ecs").describe_task_definition(
            taskDefinition=task_set["taskDefinition"]
        )["taskDefinition"]
        version, code = "", self._pushed.code
        for container in described["containerDefinitions"]:
            if container["name"] == target["containerName"]:
                version = self._tag(container["image"]) if self._pushed.commit else UNCOMMITTED
                code = self._code(version)
        definition = tasks.read_definition(described, target["containerName"], target["containerPort"], code)
        return Release(definition, code, version)

    def _tag(self, reference: str) -> str:
        """The tag of an image, which is the commit it was built of; also when it is named by its digest."""
        name, _, digest = reference.partition("@")
        if not digest:
            return name.rpartition(":")[2]
        repository = name.partition("/")[2]
        try:
            images = self._cloud.client("ecr").describe_images(
                repositoryName=repository, imageIds=[{"imageDigest": digest}]
            )["imageDetails"]
        except ClientError:
            return digest
        tags: list[str] = [tag for image in images for tag in image.get("imageTags", [])]
        commits = [tag for tag in tags if len(tag) == COMMIT_LENGTH]
        return (commits or tags or [digest])[0]

    def _code(self, version: str) -> Code:
        if version == self._pushed.commit or len(version) != COMMIT_LENGTH:
            return self._pushed.code
        earlier = source.earlier_code(self._root, version, self._folder, self._pushed.image)
        return earlier or self._pushed.code
