"""Patterns of policies: `*` stands for any characters, `?` for one. No other character has a meaning.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
"""

import re
from functools import cache


def is_pattern(text: str) -> bool:
    """Whether a text stands for more than itself."""
    return "*" in text or "?" in text


def matches(text: str, pattern: str) -> bool:
    """Whether a text, taken literally, is one that a pattern stands for."""
    return _compiled(pattern).fullmatch(text) is not None


def within(inner: str, outer: str) -> bool:
    """Whether all that one pattern stands for is what the other stands for, too."""
    if inner == outer or outer == "*":
        return True
    if not is_pattern(outer):
        return False
    if not is_pattern(inner):
        return matches(inner, outer)
    # Row by row from the end: whether the rest of `inner` from each place is within the rest of `outer`.
    row = [False] * len(inner) + [True]
    for pattern_part in reversed(outer):
        following = row
        row = [False] * (len(inner) + 1)
        row[-1] = pattern_part == "*" and following[-1]
        for place in range(len(inner) - 1, -1, -1):
            have = inner[place]
            if pattern_part == "*":
                row[place] = following[place] or row[place + 1]
            elif have != "*" and (pattern_part == "?" or (have == pattern_part and have != "?")):
                row[place] = following[place + 1]
    return row[0]


def overlap(first: str, second: str) -> bool:
    """Whether there is a text for which both patterns stand."""
    row = [True] + [False] * len(second)
    for place, character in enumerate(second):
        row[place + 1] = row[place] and character == "*"
    for have in first:
        before = row
        row = [before[0] and have == "*"]
        for place, character in enumerate(second):
            if have == "*" or character == "*":
                both = row[place] or before[place + 1] or before[place]
            else:
                both = before[place] and (have == character or "?" in (have, character))
            row.append(both)
    return row[-1]


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = (".*" if part == "*" else "." if part == "?" else re.escape(part) for part in pattern)
    return re.compile("".join(parts), re.DOTALL)
