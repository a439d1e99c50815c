"""The name that somebody meant who typed another one; none where nothing resembles it."""

from collections.abc import Iterable

# How much of the longer of two names a common beginning has, at least, to count as resemblance.
_COMMON = 0.55
# Of so many characters one is inside the other by more than chance.
_TELLING = 4


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """The choice that resembles the word most: letters missing or swapped, another case, or a part of it."""
    found = [(_distance(word.casefold(), choice.casefold()), choice) for choice in choices]
    near = [pair for pair in found if _resembles(word.casefold(), pair[1].casefold(), pair[0])]
    # A word that only lacks its end is meant before one that has another letter.
    begun = [pair for pair in near if word and pair[1].casefold().startswith(word.casefold())]
    return min(begun or near)[1] if near else None


def _resembles(word: str, choice: str, distance: int) -> bool:
    shorter, longer = sorted((word, choice), key=len)
    if not shorter:
        return False
    if distance <= max(1, len(longer) // 4):
        return len(shorter) > 1
    if len(shorter) >= _TELLING and shorter in longer:
        return True
    common = next((i for i, (a, b) in enumerate(zip(word, choice, strict=False)) if a != b), len(shorter))
    return common >= _TELLING and common >= _COMMON * len(longer)


def _distance(one: str, other: str) -> int:
    """How many letters have to be added, taken away, exchanged or swapped with their neighbour."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, wanted in enumerate(other, 1):
            cost = min(before[j] + 1, row[-1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]


def nearest_resource(word: str, choices: Iterable[str]) -> str | None:
    """The same for LAYER:LOGICALID: that of the layer, where there is one of that name."""
    layer, _, logical_id = word.partition(":")
    split = [choice.partition(":") for choice in choices]
    there = layer if layer in {one for one, _, _ in split} else nearest(layer, {one for one, _, _ in split})
    near = nearest(logical_id, [name for one, _, name in split if one == there])
    return f"{there}:{near}" if near else None
