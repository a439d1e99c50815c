"""The deploy action with what it should refuse, and deployments that do not end well."""

import dataclasses
import json
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from ecs_blue_green.pipeline import Execution, deploy
from tests.pipeline.site import NAME, Site, read_artifact

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def made(shared_site: Site) -> Execution:
    """An execution that has come as far as Render."""
    execution = shared_site.push(COMMIT)
    shared_site.run(execution, "Source", "ImageBuild", "Render")
    return execution


@pytest.fixture
def rendered(made: Execution, tmp_path: Path) -> Execution:
    """The same, to be spoilt."""
    shutil.copytree(made.folder, tmp_path / "artifacts")
    return dataclasses.replace(made, folder=tmp_path / "artifacts", results=[])


@pytest.fixture
def site(shared_site: Site) -> Site:
    """The environment of the whole module: what is refused here changes nothing in it."""
    return shared_site


def change(execution: Execution, **files: Any) -> None:
    """Replace files of the artifact for the deploy action; None removes one."""
    path = execution.artifact("Release")
    with zipfile.ZipFile(path) as archive:
        contents: dict[str, Any] = {name: archive.read(name) for name in archive.namelist()}
    contents |= {f"{name}.json": value for name, value in files.items()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, value in contents.items():
            if value is not None:
                archive.writestr(name, value if isinstance(value, bytes) else json.dumps(value))


def revisions(site: Site) -> list[str]:
    return list(site.client("ecs").list_task_definitions(familyPrefix=NAME)["taskDefinitionArns"])


def test_task_definition_without_the_placeholder_is_not_deployed(site: Site, rendered: Execution) -> None:
    taskdef = read_artifact(rendered, "Release", "taskdef.json")
    taskdef["containerDefinitions"][0]["image"] = "somewhere/else:latest"
    change(rendered, taskdef=taskdef)
    before = revisions(site)
    failure = site.attempt(rendered, "Deploy").failure
    assert failure == "taskdef.json does not hold the placeholder <IMAGE1_NAME>"
    assert revisions(site) == before


@pytest.mark.parametrize("field", ["registeredAt", "revision", "requiresAttributes"])
def test_field_that_cannot_be_registered_is_refused(site: Site, rendered: Execution, field: str) -> None:
    taskdef = read_artifact(rendered, "Release", "taskdef.json")
    change(rendered, taskdef={**taskdef, field: "x"})
    assert "taskdef.json cannot be registered" in site.attempt(rendered, "Deploy").failure


@pytest.mark.parametrize("name", ["taskdef", "appspec", "imageDetail"])
def test_missing_file_is_named(site: Site, rendered: Execution, name: str) -> None:
    change(rendered, **{name: None})
    assert site.attempt(rendered, "Deploy").failure == f"the artifact has no file {name}.json"


def test_artifact_of_three_megabytes_is_too_large(site: Site, rendered: Execution) -> None:
    change(rendered, more=os.urandom(deploy.ARTIFACT_BYTES))
    assert "task definition artifact file from: Release" in site.attempt(rendered, "Deploy").failure


def only_started(site: Site) -> Any:
    """Starts a deployment whose hook nobody answers."""

    def deployment(configuration: Any, release: deploy.Release) -> str:
        client = site.client("codedeploy")
        deployment_id = deploy.start(client, configuration, release)
        deploy.wait(client, deployment_id, 30)
        return deployment_id

    return deployment


def test_hook_that_never_answers_fails_the_deployment_before_any_user_sees_it(
    site: Site, rendered: Execution
) -> None:
    """After an hour on AWS (botocore: a hook has up to one hour)."""
    before = site.live_revision()
    failure = site.attempt(rendered, "Deploy", deployment=only_started(site)).failure
    assert "AfterAllowTestTraffic" in failure
    assert site.live_revision() == before


def test_release_after_a_failed_one_is_of_the_stacks_revision(site: Site, rendered: Execution) -> None:
    """The failed deployment's revision is the newest of the family, and nobody builds on it."""
    site.attempt(rendered, "Deploy", deployment=only_started(site))
    later = site.push("1" * 40)
    site.run(later, "Source", "ImageBuild", "Render", "Deploy")
    image = read_artifact(later, "Release", "imageDetail.json")["ImageURI"]
    (container,) = site.revision(site.live_revision())["taskDefinition"]["containerDefinitions"]
    assert container["image"] == image


def test_second_deployment_at_the_same_time_is_refused(site: Site, rendered: Execution) -> None:
    configuration = site.action("Deploy").configuration
    release = deploy.register(site.client("ecs"), configuration, {"Release": rendered.artifact("Release")})
    deploy.start(site.client("codedeploy"), configuration, release)
    assert "DeploymentLimitExceededException" in site.attempt(rendered, "Deploy").failure
