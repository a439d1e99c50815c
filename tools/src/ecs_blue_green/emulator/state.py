"""What the emulator knows, in one file that is complete or absent.

ministack saves one file per service, S3 without its objects, Lambda code beside it. A process that is killed
in between would leave half a state, so everything goes into one document that replaces the last atomically.
"""

import contextlib
import json
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ecs_blue_green.emulator import disk, engine, stores
from ecs_blue_green.emulator.errors import EmulatorError

FILE = "state.json"


def attach(folder: Path) -> None:
    """Load the state in `folder`, and have the emulator save it there when it stops.

    Every service must have been added before. A line on stdout says so when the state cannot be saved.
    Raises EmulatorError for a state that cannot be read.
    """
    _keep_objects_and_code()
    file = folder / FILE
    saved = _read(file)
    try:
        for key, module in engine.app._state_map.items():
            if key in saved and not _is_empty(saved[key]):
                engine.service_module(module).load_persisted_state(saved[key])
    except Exception as error:  # whatever a damaged or foreign document makes ministack raise
        raise _unreadable(file, error) from error
    engine.app.load_state = lambda service: None
    engine.app.save_all = lambda services: _save(file, services)


def _read(file: Path) -> dict[str, Any]:
    try:
        services = json.loads(file.read_text(), object_hook=engine.persistence._json_object_hook)["services"]
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise _unreadable(file, error) from error
    if not isinstance(services, dict):
        raise _unreadable(file, "no services")
    return services


def _unreadable(file: Path, problem: object) -> EmulatorError:
    remedy = f"begin with an empty account: rm -r {shlex.quote(str(file))}"
    return EmulatorError(f"cannot use the saved state {file}", str(problem), remedy)


def _save(file: Path, services: dict[str, Callable[[], Any]]) -> None:
    try:
        _write(file, services)
    except OSError as error:
        why, _ = disk.explained(error, file)
        # Who started this may have gone.
        with contextlib.suppress(OSError):
            sys.stdout.write(f"what was done is lost, the state cannot be saved: {why}\n")
            sys.stdout.flush()


def _write(file: Path, services: dict[str, Callable[[], Any]]) -> None:
    fresh = file.with_suffix(".new")
    states = {key: get_state() for key, get_state in services.items()}
    document = {"services": {key: state for key, state in states.items() if not _is_empty(state)}}
    with fresh.open("w") as out:
        # In one text: piece by piece, json would make it in Python, which takes longer than to start.
        out.write(json.dumps(document, default=engine.persistence._json_default))
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(file)


def _is_empty(state: Any) -> bool:
    """Whether a service keeps nothing. To load that as well would import what some are made of."""
    stores = state.values() if isinstance(state, dict) else ()
    return bool(stores) and not any(getattr(kept, "_data", kept) for kept in stores)


def _keep_objects_and_code() -> None:
    """Save what ministack leaves out: S3 objects with their versions, and Lambda code inside the document."""
    engine.lambda_svc._externalize_code_zip = lambda function, referenced: None
    engine.lambda_svc._prune_orphan_code_blobs = lambda referenced: None
    s3 = engine.s3
    get_state, load_state = s3.get_state, s3.load_persisted_state

    def with_objects() -> dict[str, Any]:
        objects = type(stores.buckets)()
        buckets = engine.all_entries(stores.buckets)
        engine.all_entries(objects).update({key: bucket["objects"] for key, bucket in buckets.items()})
        return {**get_state(), "objects": objects, "object_versions": stores.object_versions}

    def load_with_objects(saved: dict[str, Any]) -> None:
        load_state(saved)
        buckets = engine.all_entries(stores.buckets)
        for key, objects in engine.all_entries(saved["objects"]).items():
            buckets[key]["objects"] = objects
        stores.object_versions.update(saved["object_versions"])

    s3.get_state, s3.load_persisted_state = with_objects, load_with_objects
