"""A new environment compared with the most similar other one: only the differences."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ecs_blue_green.deployer.changes import PropertyChange
from ecs_blue_green.deployer.effects.differences import map_changes
from ecs_blue_green.deployer.effects.states import ResolvedState


@dataclass(frozen=True)
class Access:
    """One thing that becomes possible: which resource of which layer, and what, in words."""

    layer: str
    resource: str
    words: str


@dataclass(frozen=True)
class Kept:
    """A resource that only one of two environments has."""

    layer: str
    resource: str
    type: str


@dataclass(frozen=True)
class Candidate:
    """An environment as it is when everything is created now.

    `own` are the texts by which it is told from others, `written` what its parameter file says, by name.
    """

    name: str
    state: ResolvedState
    access: tuple[Access, ...]
    own: tuple[str, ...]
    written: Mapping[str, str]
    is_local: bool = False


@dataclass(frozen=True)
class Like:
    """Another environment, and where a new one differs from it, but for names and ids.

    `values` are of the parameter files, those of the other as `before`. `added` and `missing` are resources
    that one of them alone has; `access` is what opens here and not there.
    """

    name: str
    values: tuple[PropertyChange, ...]
    added: tuple[Kept, ...]
    missing: tuple[Kept, ...]
    access: tuple[Access, ...]

    @property
    def differences(self) -> int:
        """How many differences there are."""
        return len(self.values) + len(self.added) + len(self.missing) + len(self.access)


def likest(new: Candidate, others: Iterable[Candidate]) -> Like | None:
    """The one with the fewest differences, one on AWS before the emulator; None without others."""
    likenesses = [(other.is_local, _like(new, other)) for other in others]
    ranked = sorted(likenesses, key=lambda likeness: (likeness[0], likeness[1].differences, likeness[1].name))
    return ranked[0][1] if ranked else None


def _like(new: Candidate, other: Candidate) -> Like:
    here, there = _resources(new.state), _resources(other.state)
    remaining = Counter(_anonymous(one, other.own) for one in other.access)
    more = []
    for one in new.access:
        text = _anonymous(one, new.own)
        if remaining[text]:
            # Each access of the other environment matches one.
            remaining[text] -= 1
        else:
            more.append(one)
    return Like(
        other.name,
        tuple(map_changes(other.written, new.written)),
        tuple(one for one in here if one not in there),
        tuple(one for one in there if one not in here),
        tuple(more),
    )


def _resources(state: ResolvedState) -> dict[Kept, None]:
    return {
        Kept(slug, logical_id, resource.type): None
        for slug in state.stacks
        for logical_id, resource in state.resources(slug).items()
    }


def _anonymous(access: Access, own: Iterable[str]) -> tuple[str, str, str]:
    words = access.words
    for text in own:
        words = words.replace(text, "\0")
    return access.layer, access.resource, words
