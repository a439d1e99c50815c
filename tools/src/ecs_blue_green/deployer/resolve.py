"""The values of a template's properties, as far as they can be known without CloudFormation.

Functions over parameters are carried out. What only a running resource can tell stays an `Expression`: a
text with references in it, such as `${LoadBalancer.DNSName}`. An import is followed to the output that
exports it, so that references reach across stacks. What a parameter with NoEcho gives is compared and never
shown.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
"""

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Reference:
    """What a resource gives: its Ref (attribute None) or one of its attributes."""

    layer: str
    logical_id: str
    attribute: str | None = None


@dataclass(frozen=True)
class Secret:
    """The value of a parameter with NoEcho."""

    value: str = field(repr=False)


@dataclass(frozen=True)
class Expression:
    """A value that is known, or may be shown, in parts: texts, references and secrets, in order."""

    parts: tuple["str | Reference | Secret", ...]

    def __str__(self) -> str:
        """As a person reads it; a reference to another layer names it."""
        return self.text()

    def text(self, layer: str = "") -> str:
        """As a person reads it in this layer, whose own resources need no layer's name."""
        return "".join(part if isinstance(part, str) else _shown(part, layer) for part in self.parts)

    @property
    def references(self) -> Iterator[Reference]:
        """The references in it."""
        return (part for part in self.parts if isinstance(part, Reference))

    @property
    def secrets(self) -> list[str]:
        """What is hidden in it."""
        return [part.value for part in self.parts if isinstance(part, Secret)]


# How CloudFormation shows the value of a parameter with NoEcho.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
HIDDEN = "****"
# What !Ref AWS::NoValue gives; it is taken out of the list or map that it stands in.
NO_VALUE = Expression(("${AWS::NoValue}",))


@dataclass(frozen=True)
class Scope:
    """What the functions of one template can see.

    `imported` gives an export's value by name, `reference` the known value of a Ref or an attribute; both
    give None where there is none, and know of none where nothing else is said.
    """

    layer: str
    template: Mapping[str, Any]
    parameters: Mapping[str, str]
    pseudo: Mapping[str, str]
    imported: Callable[[str], Any] = lambda _: None
    reference: Callable[[Reference], Any] = lambda _: None

    @property
    def declared(self) -> Mapping[str, Mapping[str, Any]]:
        """The template's `Parameters` block."""
        found: Mapping[str, Mapping[str, Any]] = self.template.get("Parameters", {})
        return found


def pseudo_parameters(account: str, region: str, stack_name: str) -> dict[str, str]:
    """The pseudo parameters whose values are known before a stack exists.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html
    """
    china = region.startswith("cn-")
    return {
        "AWS::AccountId": account,
        "AWS::Region": region,
        "AWS::StackName": stack_name,
        "AWS::Partition": "aws-cn" if china else "aws-us-gov" if region.startswith("us-gov-") else "aws",
        "AWS::URLSuffix": "amazonaws.com.cn" if china else "amazonaws.com",
    }


def resolve(value: Any, scope: Scope) -> Any:
    """The value with every function carried out: texts, numbers, lists and maps with Expressions in them."""
    if isinstance(value, list):
        members = (resolve(member, scope) for member in value)
        return [member for member in members if member is not NO_VALUE]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((function, argument),) = value.items()
        if function == "Ref" or function.startswith("Fn::"):
            return _call(function, argument, scope)
    found = ((key, resolve(member, scope)) for key, member in value.items())
    return {key: member for key, member in found if member is not NO_VALUE}


def holds(name: str, scope: Scope) -> bool | None:
    """Whether a condition of the template is true; None where that cannot be known."""
    return _truth(scope.template.get("Conditions", {}).get(name), scope)


def canonical(value: Any) -> str:
    """One text for values that CloudFormation takes as the same: 80 and "80", true and "true"."""
    return json.dumps(_plain(value), sort_keys=True)


def references(value: Any) -> Iterator[Reference]:
    """Every reference inside a resolved value."""
    if isinstance(value, Expression):
        yield from value.references
    elif isinstance(value, dict):
        for member in value.values():
            yield from references(member)
    elif isinstance(value, list):
        for member in value:
            yield from references(member)


def has_secret(value: Any) -> bool:
    """Whether anything inside a resolved value may not be shown."""
    if isinstance(value, Expression):
        return bool(value.secrets)
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(has_secret, members))


def is_hidden(declaration: Mapping[str, Any]) -> bool:
    """Whether a parameter, declared like this, has a value that may not be shown."""
    return str(declaration.get("NoEcho", "")).lower() == "true"


def _shown(part: Reference | Secret, layer: str) -> str:
    if isinstance(part, Secret):
        return HIDDEN
    where = "" if part.layer == layer else f"{part.layer}:"
    attribute = f".{part.attribute}" if part.attribute else ""
    return f"${{{where}{part.logical_id}{attribute}}}"


def _plain(value: Any) -> Any:
    if isinstance(value, Expression):
        return {"expression": [value.text(), *value.secrets]}
    if isinstance(value, dict):
        return {key: _plain(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_plain(member) for member in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


def _call(function: str, argument: Any, scope: Scope) -> Any:
    if function == "Ref":
        return _ref(argument, scope)
    if function == "Fn::GetAtt":
        return _get_att(argument, scope)
    if function == "Fn::Sub":
        return _sub(argument, scope)
    if function == "Fn::If":
        return _if(argument, scope)
    given = resolve(argument, scope)
    known = _KNOWN.get(function)
    found = known(given, scope) if known else None
    # Whatever is not known keeps its references, so that a change upstream still shows.
    return _unknown(f"!{function.removeprefix('Fn::')} ", given) if found is None else found


def _ref(name: Any, scope: Scope) -> Any:
    if name == "AWS::NoValue":
        return NO_VALUE
    if name in scope.pseudo:
        return scope.pseudo[name]
    if name in scope.declared:
        return _parameter(name, scope)
    if name in scope.template.get("Resources", {}):
        return _reference(Reference(scope.layer, name), scope)
    return Expression((f"${{{name}}}",))


def _parameter(name: str, scope: Scope) -> Any:
    if name not in scope.parameters:
        return Expression((f"${{{name}}}",))
    value, kind = scope.parameters[name], scope.declared[name].get("Type", "String")
    if is_hidden(scope.declared[name]):
        return Expression((Secret(value),))
    if kind == "CommaDelimitedList" or kind.startswith("List<"):
        return [member.strip() for member in value.split(",")] if value else []
    return value


def _reference(reference: Reference, scope: Scope) -> Any:
    known = scope.reference(reference)
    return Expression((reference,)) if known is None else known


def _get_att(argument: Any, scope: Scope) -> Any:
    logical_id, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
    if not isinstance(attribute, str):
        return _unknown("!GetAtt ", resolve(argument, scope))
    return _reference(Reference(scope.layer, logical_id, attribute), scope)


def _sub(argument: Any, scope: Scope) -> Any:
    text, given = (argument, {}) if isinstance(argument, str) else argument
    variables = {name: resolve(value, scope) for name, value in given.items()}
    parts: list[Any] = []
    for literal, name in re.findall(r"((?:[^$]|\$(?!\{))+)|\$\{([^}]*)\}", text):
        if literal:
            parts.append(literal)
        elif name.startswith("!"):
            parts.append(f"${{{name[1:]}}}")
        elif name in variables:
            parts.append(variables[name])
        elif "." in name:
            parts.append(_get_att(name, scope))
        else:
            parts.append(_ref(name, scope))
    return _joined(parts)


def _if(argument: Any, scope: Scope) -> Any:
    name, then, otherwise = argument
    truth = holds(name, scope)
    if truth is None:
        return _unknown("!If ", [name, resolve(then, scope), resolve(otherwise, scope)])
    return resolve(then if truth else otherwise, scope)


def _joined(parts: list[Any]) -> Any:
    """The texts in one; an Expression where one of them is."""
    found: list[str | Reference | Secret] = []
    for part in parts:
        if isinstance(part, Expression):
            found += part.parts
        elif isinstance(part, dict | list):
            found += _unknown("", part).parts
        else:
            found.append(_text(part))
    if all(isinstance(part, str) for part in found) and not any(isinstance(p, Expression) for p in parts):
        return "".join(map(str, found))
    return Expression(tuple(found))


def _unknown(before: str, value: Any) -> Expression:
    """An Expression for a function of a value: its name, the value as JSON, and the references in it."""
    if isinstance(value, Expression):
        return Expression((before, *value.parts))
    if isinstance(value, list):
        parts: list[str | Reference | Secret] = [before, "["]
        for index, member in enumerate(value):
            parts += [", " if index else "", *_unknown("", member).parts]
        return Expression((*parts, "]"))
    if isinstance(value, dict):
        parts = [before, "{"]
        for index, (key, member) in enumerate(value.items()):
            parts += [f"{', ' if index else ''}{key}: ", *_unknown("", member).parts]
        return Expression((*parts, "}"))
    return Expression((before, _text(value)))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _join(given: Any, _scope: Scope) -> Any:
    separator, members = given
    if not isinstance(members, list):
        return None
    parts: list[Any] = []
    for index, member in enumerate(members):
        parts += [separator, member] if index else [member]
    return _joined(parts)


def _select(given: Any, _scope: Scope) -> Any:
    index, members = given
    if isinstance(members, list) and str(index).isdigit() and int(index) < len(members):
        return members[int(index)]
    return None


def _split(given: Any, _scope: Scope) -> Any:
    separator, text = given
    return text.split(separator) if isinstance(text, str) and isinstance(separator, str) else None


def _find_in_map(given: Any, scope: Scope) -> Any:
    found: Any = scope.template.get("Mappings", {})
    for key in given[:3]:
        if not isinstance(key, str) or not isinstance(found, dict) or key not in found:
            return None
        found = found[key]
    return found


def _import_value(given: Any, scope: Scope) -> Any:
    return scope.imported(given) if isinstance(given, str) else None


def _base64(given: Any, _scope: Scope) -> Any:
    return base64.b64encode(given.encode()).decode() if isinstance(given, str) else None


_KNOWN: dict[str, Callable[[Any, Scope], Any]] = {
    "Fn::Join": _join,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::FindInMap": _find_in_map,
    "Fn::ImportValue": _import_value,
    "Fn::Base64": _base64,
}


def _revealed(value: Any) -> Any:
    """A value with its secrets in it, to be compared; one that is not known stays as it is."""
    if not isinstance(value, Expression) or not value.secrets or any(value.references):
        return value
    return "".join(part if isinstance(part, str) else part.value for part in value.parts)  # type: ignore[union-attr]


def _truth(condition: Any, scope: Scope) -> bool | None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-conditions.html."""
    if not isinstance(condition, dict) or len(condition) != 1:
        return None
    ((function, argument),) = condition.items()
    if function == "Condition":
        return holds(argument, scope)
    if function == "Fn::Equals":
        one, other = (_revealed(resolve(side, scope)) for side in argument)
        if any(isinstance(side, Expression) for side in (one, other)):
            return None
        return canonical(one) == canonical(other)
    parts = [_truth(part, scope) for part in argument]
    if function == "Fn::Not":
        return None if parts[0] is None else not parts[0]
    if function == "Fn::And":
        return False if False in parts else None if None in parts else True
    if function == "Fn::Or":
        return True if True in parts else None if None in parts else False
    return None
