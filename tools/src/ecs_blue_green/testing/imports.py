"""Which module imports which, read from the code: for tests that hold a project to its arrows."""

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

Rule = TypeVar("Rule")


def modules(root: Path, parts: Sequence[str]) -> dict[str, Path]:
    """The modules of these parts below `root`, which are files or folders, by their dotted name."""
    paths = {}
    for part in parts:
        single = root / f"{part}.py"
        for path in [single] if single.exists() else sorted((root / part).rglob("*.py")):
            names = path.relative_to(root).with_suffix("").parts
            paths[".".join(names[:-1] if names[-1] == "__init__" else names)] = path
    return paths


def imported(path: Path, root: Path, elsewhere: Mapping[str, Path]) -> Iterator[str]:
    """The modules that a file imports, as precisely as its import statements name them.

    `elsewhere` says below which folder a package is that is not below `root`.
    Raises ValueError for a relative import.
    """
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{path}: relative import")
            module = node.module or ""
            for alias in node.names:
                # `from templates import _iam` names a module, `from templates._iam import allow` does not.
                folder = elsewhere.get(module.partition(".")[0], root)
                below = folder.joinpath(*module.split("."), alias.name)
                is_module = below.with_suffix(".py").exists() or below.is_dir()
                yield f"{module}.{alias.name}" if is_module else module


def is_in(name: str, prefixes: Collection[str]) -> bool:
    """Whether a module is one of these, or in one of them; a prefix may end within a name: `templates._`."""
    return any(
        name == prefix or name.startswith(prefix if prefix.endswith("_") else f"{prefix}.")
        for prefix in prefixes
    )


def rule(name: str, rules: Mapping[str, Rule]) -> Rule | None:
    """The rule for the longest prefix of a module's name; "" is a prefix of all."""
    prefixes = [prefix for prefix in rules if not prefix or is_in(name, (prefix,))]
    return rules[max(prefixes, key=len)] if prefixes else None
