"""Build specifications: the part of CodeBuild's syntax that is run here; the rest is refused by name.

https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

PHASES = ("install", "pre_build", "build", "post_build")
# What a failed phase does: the documented default, or what the specification says.
ON_FAILURE = ("ABORT", "CONTINUE")

TOP_KEYS = {"version", "env", "phases", "artifacts"}
# Where variables have their values in the account: each has a stand-in here.
STORES = ("secrets-manager", "parameter-store")
ENV_KEYS = {"shell", "variables", "exported-variables", *STORES}
PHASE_KEYS = {"commands", "finally", "on-failure", "runtime-versions"}
ARTIFACT_KEYS = {"files", "base-directory", "discard-paths", "exclude-paths", "name"}


class BadSpecification(Exception):
    """A build specification that CodeBuild would refuse, or that uses what is not supported here."""


@dataclass(frozen=True)
class Phase:
    """The commands of a phase, those that follow whatever became of them, and what its failure does."""

    name: str
    commands: tuple[str, ...] = ()
    finally_commands: tuple[str, ...] = ()
    on_failure: str | None = None


@dataclass(frozen=True)
class Artifacts:
    """Which files of the build make up its output."""

    files: tuple[str, ...]
    base_directory: str = "."
    exclude_paths: tuple[str, ...] = ()
    discard_paths: bool = False


@dataclass(frozen=True)
class Specification:
    """A build specification; `artifacts` is None where the build has no output.

    `stored` are those of the variables whose values are secrets: what they have here is a stand-in.
    """

    variables: Mapping[str, str]
    stored: tuple[str, ...]
    exported: tuple[str, ...]
    phases: tuple[Phase, ...]
    artifacts: Artifacts | None


def parse(text: str) -> Specification:
    """Read a specification. Raises BadSpecification."""
    try:
        # As text: 3.12 is a version and no number, and 1 is what a variable holds.
        document = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 (makes text, lists and maps only)
    except yaml.YAMLError as error:
        raise BadSpecification(f"it is not YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(document, dict) or document.get("version") != "0.2":
        raise BadSpecification("version must be 0.2")
    _require_known("", document, TOP_KEYS)
    environment = _mapping("env", document.get("env", {}))
    _require_known("env/", environment, ENV_KEYS)
    if environment.get("shell") != "bash":
        raise BadSpecification("env/shell must be bash: the default depends on the image")
    phases = _mapping("phases", document.get("phases", {}))
    _require_known("phases/", phases, set(PHASES))
    if not phases:
        raise BadSpecification("it has no phases")
    stored = [name for store in STORES for name in _mapping(f"env/{store}", environment.get(store, {}))]
    return Specification(
        variables={
            **_mapping("env/variables", environment.get("variables", {})),
            **{name: stand_in(name) for name in stored},
        },
        stored=tuple(stored),
        exported=_texts("env/exported-variables", environment.get("exported-variables", [])),
        phases=tuple(_phase(name, phases[name]) for name in PHASES if name in phases),
        artifacts=_artifacts(document["artifacts"]) if "artifacts" in document else None,
    )


def stand_in(name: str) -> str:
    """What a variable has here whose value is a secret: no build of this machine reads one."""
    return f"stand-in-for-{name}"


def _phase(name: str, phase: Any) -> Phase:
    where = f"phases/{name}"
    phase = _mapping(where, phase)
    _require_known(f"{where}/", phase, PHASE_KEYS)
    on_failure = phase.get("on-failure")
    if on_failure is not None and on_failure not in ON_FAILURE:
        raise BadSpecification(f"{where}/on-failure: {on_failure} is not run here")
    return Phase(
        name=name,
        commands=_texts(f"{where}/commands", phase.get("commands", [])),
        finally_commands=_texts(f"{where}/finally", phase.get("finally", [])),
        on_failure=on_failure,
    )


def _artifacts(artifacts: Any) -> Artifacts:
    artifacts = _mapping("artifacts", artifacts)
    _require_known("artifacts/", artifacts, ARTIFACT_KEYS)
    files = _texts("artifacts/files", artifacts.get("files", []))
    if not files:
        raise BadSpecification("artifacts/files must name files")
    return Artifacts(
        files=files,
        base_directory=artifacts.get("base-directory", "."),
        exclude_paths=_texts("artifacts/exclude-paths", artifacts.get("exclude-paths", [])),
        discard_paths=artifacts.get("discard-paths") == "yes",
    )


def _require_known(where: str, mapping: Mapping[str, Any], known: set[str]) -> None:
    for key in mapping:
        if key not in known:
            raise BadSpecification(f"{where}{key} is not run here")


def _mapping(where: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadSpecification(f"{where} must be a mapping")
    return value


def _texts(where: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(member, str) for member in value):
        raise BadSpecification(f"{where} must be a list of strings")
    return tuple(value)
