"""Documents as dataclasses and named tuples: what a class says of its fields is what a document has to have.

The files that this package writes and reads again are checked by it. JSON schemas say the same of those that
other programs read; a library that checks against these is not among what production is deployed with, and to
load it would take as long as a fifth of a command.
"""

import functools
import types
from collections.abc import Mapping, Set
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

# A bool is an int, so it comes first.
_NAMES = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}


class ShapeError(ValueError):
    """A part of a document is not what its class wants: where, and what it must be."""


def made(kind: type[T], document: Any, *, others: bool = False) -> T:
    """The object that a dataclass or a named tuple makes of a document. Raises ShapeError.

    A type with a class method `named` is one text in the document, of which that makes the value. With
    `others`, keys that are no field are left out instead of refused.
    """
    found: T = _made(kind, document, "", others)
    return found


def _made(kind: Any, value: Any, where: str, others: bool) -> Any:
    """The value that a class, a field's type, makes of a part of the document, which stands at `where`."""
    origin, arguments = _parts(kind)
    if kind is Any:
        return value
    if origin in (Union, types.UnionType):
        (kind,) = (argument for argument in arguments if argument is not type(None))
        return _made(kind, value, where, others)
    if origin is Literal:
        _require(value in arguments, where, f"one of {', '.join(map(str, arguments))}")
        return value
    if origin is tuple:
        _require(isinstance(value, list), where, "a list")
        items = enumerate(value)
        return tuple(_made(arguments[0], item, f"{where}[{index}]", others) for index, item in items)
    if origin is Mapping:
        _require(isinstance(value, dict), where, "a map")
        _require(all(isinstance(key, str) for key in value), where, "a map with keys of text")
        return {key: _made(arguments[1], item, f"{where}.{key}", others) for key, item in value.items()}
    if hasattr(kind, "named"):
        try:
            return kind.named(value)
        except ShapeError as error:
            raise ShapeError(f"{where.lstrip('.')} must be {error}") from error
    if hasattr(kind, "_fields") or hasattr(kind, "__dataclass_fields__"):
        return _object(kind, value, where, others)
    plain = _plain(kind)
    accepted = (int, float) if plain is float else (plain,)
    _require(type(value) in accepted, where, _NAMES[plain])
    return kind(value)


@functools.cache
def _parts(kind: Any) -> tuple[Any, tuple[Any, ...]]:
    """What a type in brackets is made of: `tuple` and `str` of `tuple[str]`."""
    return get_origin(kind), get_args(kind)


@functools.cache
def _plain(kind: Any) -> type:
    """Which type of JSON's values this is, or is made of."""
    return next(base for base in _NAMES if issubclass(kind, base))


@functools.cache
def _members(kind: Any) -> tuple[Mapping[str, Any], Set[str]]:
    """The types of a class's fields, and which of them have no default."""
    if hasattr(kind, "_fields"):
        # A named tuple inherits no field, so that its own types are all.
        members = kind.__annotations__
        return members, members.keys() - kind._field_defaults.keys()
    # Not at the top: what is generated is checked with named tuples alone.
    from dataclasses import MISSING, fields

    members = get_type_hints(kind)
    return members, {
        one.name for one in fields(kind) if one.default is MISSING and one.default_factory is MISSING
    }


def _object(kind: Any, value: Any, where: str, others: bool) -> Any:
    _require(isinstance(value, dict), where, "a map")
    members, needed = _members(kind)
    for key in sorted(needed - value.keys()):
        raise ShapeError(f"{where}.{key} is missing".lstrip("."))
    for key in sorted(map(str, value.keys() - members.keys())) if not others else ():
        raise ShapeError(f"{where}.{key} is not known".lstrip("."))
    return kind(
        **{
            # A field without a value is null where it must be there, and absent where it need not be.
            key: None
            if item is None and key in needed and type(None) in _parts(members[key])[1]
            else _made(members[key], item, f"{where}.{key}", others)
            for key, item in value.items()
            if key in members
        }
    )


def _require(holds: bool, where: str, wanted: str) -> None:
    if not holds:
        raise ShapeError(f"{where.lstrip('.') or 'it'} must be {wanted}")
