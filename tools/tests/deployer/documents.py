"""The documents that `--json` prints, against their schemas in docs/schemas/."""

import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from tests.paths import SCHEMAS


@cache
def schema(verb: str) -> dict[str, Any]:
    """The schema of a verb's documents, itself checked."""
    found: dict[str, Any] = json.loads((SCHEMAS / f"{verb}.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(found)
    return found


def problems(verb: str, document: Any) -> list[str]:
    """What is wrong with a document, one line each."""
    errors = Draft202012Validator(schema(verb)).iter_errors(document)
    return [f"{error.json_path}: {error.message}" for error in errors]
