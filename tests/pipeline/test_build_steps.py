"""The pipeline's build steps: projects out of the generated template, run on the emulator."""

import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ecs_blue_green import codebuild
from ecs_blue_green.codebuild import artifacts
from ecs_blue_green.codebuild.specification import parse
from ecs_blue_green.testing.site import Site, read_artifact

from templates._application import CODE, REGISTRY_LOGINS
from templates._code import Code
from templates.pipeline import build_projects
from tests import ROOT
from tests.pipeline.conftest import project_of

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def name_of(site: Site) -> str:
    """The container repository."""
    return site.physical_id("AWS::ECR::Repository")


def uri_of(site: Site) -> str:
    """The container repository as docker names it."""
    return project_of(site, "ImageBuild").variables["REPOSITORY_URI"]


def digest_of(site: Site, tag: str) -> str:
    found = site.client("ecr").describe_images(repositoryName=name_of(site), imageIds=[{"imageTag": tag}])
    return str(found["imageDetails"][0]["imageDigest"])


# Verify: that a clean checkout passes is in test_release.py


def test_verify_fails_on_a_stale_build(site: Site) -> None:
    tree = site.tree(COMMIT)
    template = tree / "build" / "service.yaml"
    template.write_text(template.read_text().replace("FARGATE", "EC2"))
    execution = site.execution(COMMIT, artifacts.pack(tree, site.folder / "source.zip"))
    site.run(execution, "Source")
    failure = site.attempt(execution, "Verify").failure
    assert "build: error while executing command: .venv/bin/python generate.py --check" in failure
    assert "error: build/ is stale in 1 file(s)" in failure


# ImageBuild


def test_image_is_built_pushed_and_handed_on_by_its_digest(site: Site) -> None:
    execution = site.push(COMMIT)
    site.run(execution, "Source", "ImageBuild")
    uri = uri_of(site)
    context = ["--file", CODE.dockerfile, CODE.folder] if CODE.dockerfile else [CODE.folder]
    assert site.docker_calls() == [
        ["login", "--username", "AWS", "--password-stdin", uri.partition("/")[0]],
        *(
            [
                "login",
                "--username",
                f"stand-in-for-LOGIN_{number}_USERNAME",
                "--password-stdin",
                login.registry,
            ]
            for number, login in enumerate(REGISTRY_LOGINS, 1)
        ),
        ["build", "--build-arg", f"VERSION={COMMIT}", "--tag", f"{uri}:{COMMIT}", *context],
        ["push", f"{uri}:{COMMIT}"],
    ]
    assert read_artifact(execution, "Image", "imageDetail.json") == {
        "ImageURI": f"{uri}@{digest_of(site, COMMIT)}"
    }


def test_same_commit_again_takes_the_image_that_is_there(site: Site) -> None:
    first, again = site.push(COMMIT), site.execution(COMMIT, site.folder / f"{COMMIT}.zip")
    site.run(first, "Source", "ImageBuild")
    made = read_artifact(first, "Image", "imageDetail.json")
    calls = site.docker_calls()
    again.folder = site.folder / "again"
    site.run(again, "Source", "ImageBuild")
    assert read_artifact(again, "Image", "imageDetail.json") == made
    assert site.docker_calls() == calls


@pytest.fixture
def rebuilt(site: Site, monkeypatch: pytest.MonkeyPatch) -> Callable[..., codebuild.Build]:
    """Runs a step as it is where commits can be built again, with a value for `Rebuild`."""
    monkeypatch.setattr(build_projects, "CODE", Code(**vars(CODE) | {"rebuilds": True}))

    def run(name: str, slug: str, source: Path, rebuild: str) -> codebuild.Build:
        specification = parse(build_projects.build_specification(slug))
        return codebuild.run(
            replace(project_of(site, name), specification=specification),
            source,
            output=site.folder / f"{name}-{rebuild[:10]}.zip",
            variables={"COMMIT_ID": COMMIT, "REBUILD": rebuild, "DOCKER_STATE": str(site.docker)},
            machine=codebuild.Machine(site.path, site.aws),
        )

    return run


def test_commit_is_built_again_with_a_tag_of_its_own(
    site: Site, rebuilt: Callable[..., codebuild.Build]
) -> None:
    tree = site.tree(COMMIT)
    for rebuild in ("none", "2026-11-29", "2026-11-29"):
        assert rebuilt("ImageBuild", "image-build", tree, rebuild).status == "SUCCEEDED"
    assert site.image_tags() == {COMMIT, f"{COMMIT}-2026-11-29"}
    builds = [call for call in site.docker_calls() if call[0] == "build"]
    assert [call[2] for call in builds] == [f"VERSION={COMMIT}", f"VERSION={COMMIT}-2026-11-29"]
    handed = site.folder / "handed"
    handed.mkdir()
    image = {"ImageURI": f"{uri_of(site)}@{digest_of(site, f'{COMMIT}-2026-11-29')}"}
    (handed / "imageDetail.json").write_text(json.dumps(image))
    assert rebuilt("TagRelease", "tag-release", handed, "2026-11-29").status == "SUCCEEDED"
    assert f"release-{COMMIT}-2026-11-29" in site.image_tags()


def test_commit_is_not_built_again_with_what_is_no_part_of_a_tag(
    site: Site, rebuilt: Callable[..., codebuild.Build]
) -> None:
    build = rebuilt("ImageBuild", "image-build", site.tree(COMMIT), "29/11; true")
    assert build.status == "FAILED"
    assert "error: Rebuild must be a part of a tag" in build.text
    assert site.docker_calls() == []


@pytest.mark.parametrize("command", ["login", "build", "push"])
def test_image_build_that_fails_hands_nothing_on(site: Site, command: str) -> None:
    site.docker.mkdir()
    (site.docker / "fail").write_text(command)
    execution = site.push(COMMIT)
    site.run(execution, "Source")
    assert f"{command}: told to fail" in site.attempt(execution, "ImageBuild").failure
    assert not execution.artifact("Image").exists()
    assert site.image_tags() == set()


def test_image_that_never_reached_the_repository_is_an_error(site: Site) -> None:
    """Whatever docker says of its push, the repository is asked."""
    docker = site.path[0] / "docker"
    docker.write_text(docker.read_text().replace("exec", '[ "$1" = push ] && exit 0\nexec', 1))
    execution = site.push(COMMIT)
    site.run(execution, "Source")
    assert f"the repository has no image tagged {COMMIT} after the push" in (
        site.attempt(execution, "ImageBuild").failure
    )
    assert not execution.artifact("Image").exists()


@pytest.mark.skipif("CONTAINER_ENGINE" not in os.environ, reason="CONTAINER_ENGINE names no engine")
def test_real_engine_builds_and_pushes(site: Site) -> None:
    """The emulator is a registry as well; the engine reaches it under its own address."""
    engine = os.environ["CONTAINER_ENGINE"]
    insecure = "--tls-verify=false" if engine == "podman" else ""
    (site.path[0] / "docker").write_text(
        f'#!/bin/sh\ncommand=$1; shift\n[ "$command" = build ] && exec {engine} build "$@"\n'
        f'exec {engine} "$command" {insecure} "$@"\n'
    )
    registry = site.aws["AWS_ENDPOINT_URL"].removeprefix("http://")
    variables = {"REPOSITORY_URI": f"{registry}/{name_of(site)}", "DOCKER_STATE": str(site.docker)}
    execution = site.push(COMMIT)
    site.run(execution, "Source")
    site.run(execution, "ImageBuild", variables=variables)
    image = read_artifact(execution, "Image", "imageDetail.json")["ImageURI"]
    assert image == f"{registry}/{name_of(site)}@{digest_of(site, COMMIT)}"


# Render and TagRelease: what they write is in test_release.py


def test_render_fails_without_the_image(shared_site: Site, tmp_path: Path) -> None:
    site, execution = shared_site, shared_site.execution("1" * 40, tmp_path)
    execution.folder.mkdir()
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "other.json").write_text("{}")
    artifacts.pack(empty, execution.artifact("Image"))
    assert "imageDetail.json" in site.attempt(execution, "Render").failure
    assert not execution.artifact("Release").exists()


def test_render_fails_on_an_image_that_a_later_push_could_change(shared_site: Site, tmp_path: Path) -> None:
    site, execution = shared_site, shared_site.execution("2" * 40, tmp_path)
    execution.folder.mkdir()
    folder = tmp_path / "by-tag"
    folder.mkdir()
    (folder / "imageDetail.json").write_text(json.dumps({"ImageURI": f"{uri_of(site)}:{COMMIT}"}))
    artifacts.pack(folder, execution.artifact("Image"))
    assert "names no digest" in site.attempt(execution, "Render").failure


def test_tag_release_fails_when_the_image_is_gone(shared_site: Site) -> None:
    site, execution = shared_site, shared_site.push("3" * 40)
    site.run(execution, "Source", "ImageBuild", "Render")
    digest = digest_of(site, execution.commit_id)
    site.client("ecr").batch_delete_image(repositoryName=name_of(site), imageIds=[{"imageDigest": digest}])
    failure = site.attempt(execution, "TagRelease").failure
    assert f"error: the repository has no image {digest}" in failure


def test_tag_release_does_not_move_a_tag(shared_site: Site) -> None:
    site, execution = shared_site, shared_site.push("4" * 40)
    site.run(execution, "Source", "ImageBuild", "Render")
    tag = f"release-{execution.commit_id}"
    put_manifest(site, tag, {"schemaVersion": 2})
    assert f"error: {tag} is on " in site.attempt(execution, "TagRelease").failure


def test_tag_release_tags_an_image_whose_manifest_does_not_say_what_it_is(shared_site: Site) -> None:
    """Only the registry knows its type: as of an image that kaniko or an older docker pushed."""
    site, execution = shared_site, shared_site.push("5" * 40)
    put_manifest(site, execution.commit_id, {"schemaVersion": 2, "layers": []})
    site.run(execution, "Source", "ImageBuild", "Render", "TagRelease")
    tag = f"release-{execution.commit_id}"
    assert digest_of(site, tag) == digest_of(site, execution.commit_id)


def put_manifest(site: Site, tag: str, manifest: dict[str, Any]) -> None:
    """Push an image whose type its manifest does not name."""
    site.client("ecr").put_image(
        repositoryName=name_of(site),
        imageManifest=json.dumps(manifest),
        imageManifestMediaType="application/vnd.oci.image.manifest.v1+json",
        imageTag=tag,
    )


# All of them


def required(project: codebuild.Project) -> set[str]:
    """The variables that a project's commands read and that come from outside of them."""
    text = "\n".join(command for phase in project.specification.phases for command in phase.commands)
    read = set(re.findall(r"\$\{?([A-Z][A-Z_]+)\b|environ\[\"([A-Z_]+)\"\]", text))
    return {name for pair in read for name in pair if name}


def test_unknown_variable_fails_the_build(shared_site: Site, tmp_path: Path) -> None:
    """Each variable that a step reads, taken away in turn: never an empty text instead."""
    (tmp_path / "input").mkdir()
    site, tried = shared_site, 0
    image = {"ImageURI": f"{uri_of(site)}@sha256:{64 * '0'}"}
    (tmp_path / "input" / "imageDetail.json").write_text(json.dumps(image))
    for project in site.definition.projects.values():
        given = {
            **project.variables,
            "COMMIT_ID": COMMIT,
            "REBUILD": "none",
            "DOCKER_STATE": str(site.docker),
        }
        for missing in required(project):
            assert missing in given, f"{project.name} reads {missing}, which nobody gives it"
            variables = {name: value for name, value in given.items() if name != missing}
            build = codebuild.run(
                codebuild.Project(project.name, project.specification, {}, project.privileged, 60),
                tmp_path / "input",
                output=tmp_path / "output.zip",
                variables=variables,
                machine=codebuild.Machine(site.path, site.aws),
            )
            assert build.status == "FAILED", (project.name, missing)
            assert missing in build.text, (project.name, missing, build.text)
            tried += 1
    assert tried > 8


def test_variable_of_an_action_that_has_not_run_fails_it_before_it_starts(site: Site) -> None:
    execution = site.push(COMMIT)
    assert site.attempt(execution, "ImageBuild").failure == "#{Source.CommitId} has no value"
    assert site.docker_calls() == []


def test_steps_use_no_file_of_the_source_but_those_that_a_release_needs() -> None:
    """A push cannot change a build step: none is read from the source."""
    assert not list(ROOT.glob("**/buildspec.y*ml"))
