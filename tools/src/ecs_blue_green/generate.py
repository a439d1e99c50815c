"""What `generate.py` runs: `build/` is written from the modules in `templates/`, or compared with them.

Of the package this alone imports modules of a project, by name, and only while it runs. It asks of them:

    templates                           LAYERS, the modules with `build()` by slug; runtime(layer)
    templates._runtime                  document(), stack_policy_file()
    templates._exports                  problems()
"""

import contextlib
import importlib
import json
import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ecs_blue_green import ending, runtime, template_yaml
from ecs_blue_green.deployer import environment, environment_schema
from ecs_blue_green.deployer.errors import EXIT_INTERRUPTED, Failed, Failure

if TYPE_CHECKING:
    from ecs_blue_green.deployer.plain_secrets import PlainSecret

# A text as `json.dumps` writes it, which first asks what it is given.
quoted = json.encoder.encode_basestring_ascii

# Characters of a line of JSON that people read.
LINE = 110

# The key of a template's metadata that tells whoever deploys it which file has its stack policy.
STACK_POLICY = "StackPolicy"


def run(root: Path) -> NoReturn:
    """Do what the command line asks for with the project in `root`, and end with its exit code."""
    # Python's option -P leaves out the folder of the file that it runs.
    if sys.path[:1] != [str(root)]:
        sys.path.insert(0, str(root))
    try:
        ending.end(main(sys.argv[1:], root))
    except BrokenPipeError:
        # Whoever reads a diff has seen enough (`| head`): build/ is stale. Python's own flush at its end
        # would complain about what is left.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted\nnext:  make generate, which writes every file anew\n")
        sys.exit(EXIT_INTERRUPTED)


def main(arguments: list[str], root: Path) -> int:
    """Write the files of the project in `root`, or with `--check` compare them.

    Exit status: 0 fresh, 1 stale or a template that must not be shipped, 2 wrong usage or parameters.
    """
    only_check = is_check(arguments)
    try:
        # Everything is generated before anything is written: after an error, build/ is as it was.
        wanted = {root / "build" / name: text.encode() for name, text in files(root).items()}
        present = {path: path.read_bytes() for path in on_disk(root / "build")}
        stale = sorted(path for path in {*present, *wanted} if present.get(path) != wanted.get(path))
        if only_check:
            return check(stale, present, wanted, root)
        # Printed at the end: if the reader of the output goes away, build/ is complete all the same.
        done = [write(path, wanted.get(path), root) for path in stale]
        sys.stdout.writelines(f"{line}\n" for line in done)
        for path in environment.unread(root / "params"):
            name = path.relative_to(root)
            print(f"note: {name} is not read: mv {name} {name.with_suffix('.yaml')}", file=sys.stderr)
        for place, secret in in_plain_text(root):
            print(f"warning: in {place}, {secret.words}", file=sys.stderr)
            print("hint: make it a row of SECRETS in templates/_application.py", file=sys.stderr)
        if not stale:
            print("nothing changed: build/ is up to date")
        print(longest({path.name: text for path, text in wanted.items() if path.suffix == ".yaml"}))
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        if failure.remedy:
            print(f"hint: {failure.remedy}", file=sys.stderr)
        return failure.exit_code
    except BrokenPipeError:
        raise
    except OSError as error:
        print(f"error: {error.filename or 'build/'}: {error.strerror or error}", file=sys.stderr)
        print("hint: you need read and write permission for these files", file=sys.stderr)
        return 1
    return 0


def is_check(arguments: list[str]) -> bool:
    """Whether files are to be compared, not written. Exits where help is asked for or the usage is wrong."""
    if arguments in ([], ["--check"]):
        return bool(arguments)
    # Not at the top: it takes as long to import as half of the templates to build.
    import argparse

    parser = argparse.ArgumentParser(description="Write build/ from templates/ and params/.")
    parser.add_argument("--check", action="store_true", help="change nothing; print what is stale, exit 1")
    checks: bool = parser.parse_args(arguments).check
    return checks


def in_plain_text(root: Path) -> Iterator[tuple[str, "PlainSecret"]]:
    """The variables of containers that would hold a secret in plain text, each with its environment."""
    # Not at the top: --check has no use for what these bring along.
    from ecs_blue_green.deployer import layers, plain_secrets
    from ecs_blue_green.deployer.effects.states import ResolvedState, desired_state

    built = layers.read(root / "build")
    declared = {slug: layer.parameters for slug, layer in built.items()}
    known = runtime.read_runtime(root / "build")
    for name in environment.names(root / "params"):
        given = environment.load(root / "params", name, declared, known)
        for secret in plain_secrets.found(ResolvedState(desired_state(built, given))):
            yield name, secret


def longest(templates: Mapping[str, bytes]) -> str:
    """Which template has the least room, as JSON: that is what is sent when the YAML is too long."""
    from ecs_blue_green.deployer import layers

    lengths = {
        len(template_yaml.as_json(layers.parse(text.decode())).encode()): name
        for name, text in templates.items()
    }
    length, name = max(lengths.items())
    return f"longest template: {name}, {length:,} of {template_yaml.LONGEST:,} bytes as JSON"


def on_disk(build: Path) -> list[Path]:
    """The files below `build/`, without those that a desktop hides there."""
    return [path for path in build.rglob("*") if path.is_file() and not path.name.startswith(".")]


def check(stale: list[Path], present: Mapping[Path, bytes], wanted: Mapping[Path, bytes], root: Path) -> int:
    """Print a unified diff from the files on disk to those that the modules give. 0 when equal, else 1."""
    if not stale:
        return 0
    import difflib

    for path in stale:
        name = str(path.relative_to(root))
        sys.stdout.writelines(
            difflib.unified_diff(
                present.get(path, b"").decode(errors="replace").splitlines(keepends=True),
                wanted.get(path, b"").decode().splitlines(keepends=True),
                f"{name} (on disk)" if path in present else f"{name} (missing)",
                f"{name} (generated)" if path in wanted else f"{name} (no longer generated)",
            )
        )
    print(f"error: build/ is stale in {len(stale)} file(s)\nhint: run make generate", file=sys.stderr)
    return 1


def write(path: Path, text: bytes | None, root: Path) -> str:
    """Give a file of `build/` this text; None removes it, and its folder when nothing else is there.

    What was done, in a line.
    """
    name = path.relative_to(root)
    if text is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
        return f"wrote {name}"
    path.unlink()
    if not any(path.parent.iterdir()):
        path.parent.rmdir()
    return f"removed {name}, which is no longer generated"


def files(root: Path) -> dict[str, str]:
    """Every file of `build/`: its path there and its text.

    Raises Failed when a template must not be shipped or a module raises anything, BadInput when a parameter
    file is wrong.
    """
    with told("templates/", root):
        templates = importlib.import_module("templates")
        exports = importlib.import_module("templates._exports")
        declarations = importlib.import_module("templates._runtime")
        layers = templates.LAYERS
    documents = {}
    policies = {}
    for slug, layer in layers.items():
        with told(module(slug, root), root):
            documents[slug] = layer.build().to_dict()
            policy = templates.runtime(layer).stack_policy
            if policy:
                name = declarations.stack_policy_file(slug)
                policies[name] = policy.to_json(indent=2, sort_keys=False) + "\n"
                documents[slug].setdefault("Metadata", {})[STACK_POLICY] = name
    with told("RUNTIME of the layers", root):
        declared = declarations.document({slug: templates.runtime(layer) for slug, layer in layers.items()})
    texts = {f"{slug}.yaml": render(module(slug, root), document) for slug, document in documents.items()}
    params = root / "params"
    refused = (*exports.problems(documents), *too_long(texts, documents, params))
    known, unknown = understood(declared, documents)
    wrong = [
        *blanks(documents, root),
        *(("LAYERS in templates/__init__.py", problem) for problem in needed(root, documents)),
        *((module(slug, root), problem) for slug, problem in refused),
        *(("RUNTIME of the layers", problem) for problem in unknown),
    ]
    if wrong or known is None:
        problems = "".join(f"\n  {where}: {problem}" for where, problem in wrong)
        raise Failed(f"no file was written, because the templates cannot be deployed:{problems}")
    texts[runtime.FILE] = written(declared) + "\n"
    parameters = {slug: document.get("Parameters", {}) for slug, document in documents.items()}
    texts[environment_schema.FILE] = written(environment_schema.document(parameters, known)) + "\n"
    return texts | policies | dict(configurations(params, parameters, known))


@contextlib.contextmanager
def told(name: str, root: Path) -> Iterator[None]:
    """Raise Failed for whatever a module raises, with the module's file and line, also where it exits."""
    try:
        yield
    except (Exception, SystemExit) as error:
        line: int | None = None
        for frame in traceback.extract_tb(error.__traceback__):
            path = Path(frame.filename)
            # What layers share refuses what a layer asks of it: the layer is where to look.
            is_shared = path.name.startswith("_") and path.name != "__init__.py" and frame.name != "<module>"
            if path.is_relative_to(root / "templates") and not (line and is_shared):
                name, line = str(path.relative_to(root)), frame.lineno
        if isinstance(error, SyntaxError) and error.filename:
            name, line = error.filename.removeprefix(f"{root}/"), error.lineno
        where = f"{name}, line {line}" if line else name
        why = f"{type(error).__name__}: {error.msg if isinstance(error, SyntaxError) else error}"
        raise Failed(f"no file was written, because of an error in {where}", why) from error


def module(slug: str, root: Path) -> str:
    """The file with a layer's `build()`: a module, or the first one of the layer's folder."""
    name = f"templates/{slug.replace('-', '_')}"
    return f"{name}/__init__.py" if (root / name).is_dir() else f"{name}.py"


def understood(
    declared: Mapping[str, Any], documents: Mapping[str, Mapping[str, Any]]
) -> tuple[runtime.Runtime | None, list[str]]:
    """What the layers say of themselves, as the tool reads it, and what it cannot do with it.

    That is what it does not know, and what the templates do not have.
    """
    try:
        known = runtime.made(declared, runtime.FILE)
    except runtime.Unusable as error:
        return None, [str(error)]
    return known, list(runtime.problems(known, documents))


def needed(root: Path, documents: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The removed layers that others still need, each with the reason."""
    try:
        removed = runtime.read_layers(root / "build") - documents.keys()
        if not removed:
            return
        before = runtime.read_runtime(root / "build")
    except runtime.Unusable:
        return
    for slug in removed:
        named = f"${{{environment.stack_name_parameter(slug)}}}-"
        importers = [other for other, document in documents.items() if named in json.dumps(document)]
        places = [place for place in runtime.uses(before, slug) if not place.startswith(f"layers.{slug}.")]
        why = [
            *([f"its exports are imported by {', '.join(importers)}"] if importers else []),
            *([f"the deployer needs its outputs for {', '.join(places)}"] if places else []),
        ]
        if why:
            yield f"{slug} was removed, but is still needed: {'; '.join(why)}"


def blanks(documents: Mapping[str, Mapping[str, Any]], root: Path) -> Iterator[tuple[str, str]]:
    """The lines with trailing space in multi-line strings, each with its file and the reason.

    YAML has no block style for such a string: a program would become one escaped line that nobody can review.
    """
    for slug, document in documents.items():
        for place, line in template_yaml.ending_with_blank(document):
            found = [
                f"{path.relative_to(root)}, line {number}"
                for path in sorted((root / "templates").rglob("*"))
                if path.is_file() and path.suffix != ".pyc"
                for number, text in enumerate(path.read_text("utf-8", "replace").splitlines(), 1)
                if text.rstrip() != text and text.strip() == line.strip()
            ]
            yield (
                " or ".join(found) or module(slug, root),
                f"a line of {slug}'s {place} ends with a space or tab: {line!r}. Remove it, or the whole text"
                " becomes one escaped line in build/",
            )


def too_long(
    texts: Mapping[str, str], documents: Mapping[str, Mapping[str, Any]], params: Path
) -> Iterator[tuple[str, str]]:
    """The templates that are too long for CloudFormation, each with the reason.

    A template that is too long for a call is uploaded to a bucket, if every environment names one.
    """
    for slug, document in documents.items():
        text = texts[f"{slug}.yaml"]
        length = len(template_yaml.sent(text, document).encode())
        if length <= template_yaml.LONGEST:
            continue
        size = f"{len(text.encode()):,} bytes of YAML and {length:,} of JSON"
        without = [
            f"params/{name}.yaml"
            for name in environment.names(params)
            if not environment.names_template_bucket(params, name)
        ]
        if length > template_yaml.LONGEST_IN_BUCKET:
            yield slug, f"{size}, {template_yaml.LONGEST_IN_BUCKET:,} are allowed"
        elif without:
            yield (
                slug,
                f"{size}, {template_yaml.LONGEST:,} are allowed in a call. Name an existing bucket"
                f" as `template_bucket` in {', '.join(without)}, and it is uploaded there",
            )


def configurations(
    params: Path, declared: Mapping[str, environment.Declarations], known: runtime.Runtime
) -> Iterator[tuple[str, str]]:
    """What the pipeline of each environment gives CloudFormation beside the templates that it changes."""
    for name in environment.names(params):
        values = environment.load(params, name, declared, known)
        for slug in known.released:
            yield f"config/{name}/{slug}.json", values.configuration(slug, declared[slug])


def written(value: Any, indent: str = "") -> str:
    """JSON for people: what fits into a line is one, and so are numbers, also in quotes."""
    if isinstance(value, str):
        return quoted(value)
    if not isinstance(value, dict | list):
        return json.dumps(value)
    inner = f"{indent}  "
    if isinstance(value, list):
        members = [written(member, inner) for member in value]
    else:
        members = [f"{quoted(key)}: {written(member, inner)}" for key, member in value.items()]
    opening, closing = "[]" if isinstance(value, list) else "{}"
    # One of several lines is longer than they would be in one.
    line = f"{opening}{', '.join(members)}{closing}"
    if len(indent + line) <= LINE:
        return line
    if isinstance(value, list) and all(isinstance(member, int) or str(member).isdigit() for member in value):
        return line
    return f"{opening}\n" + ",\n".join(f"{inner}{member}" for member in members) + f"\n{indent}{closing}"


def render(source: str, document: Mapping[str, Any]) -> str:
    """The template as YAML, with a header that names the module that it comes from."""
    return (
        f"# Generated by generate.py from {source}. Review it, do not edit it:\n"
        "# change the module and run `make generate`.\n"
    ) + template_yaml.template(document)
