"""The sizes that Fargate has, for whoever checks one: the emulator, and the tests of a project.

A template has those that a team offers itself; a test compares them.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
"""

from collections.abc import Mapping, Sequence
from typing import Any

# CPU units to MiB of memory (November 2026).
SIZES: Mapping[int, Sequence[int]] = {
    256: (512, 1024, 2048),
    512: range(1024, 4096 + 1, 1024),
    1024: range(2048, 8192 + 1, 1024),
    2048: range(4096, 16384 + 1, 1024),
    4096: range(8192, 30720 + 1, 1024),
    8192: range(16384, 61440 + 1, 4096),
    16384: range(32768, 122880 + 1, 8192),
    32768: (61440, 122880, 249856),
}


def has(cpu: Any, memory: Any) -> bool:
    """Whether there is this size; numbers may be texts, as in a template."""
    return str(cpu).isdigit() and str(memory).isdigit() and int(memory) in SIZES.get(int(cpu), ())
