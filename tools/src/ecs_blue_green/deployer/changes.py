"""What an operation does to the resources of a stack: the words in which plans and reviews are written."""

from dataclasses import dataclass
from typing import Literal

Recreation = Literal["Never", "Conditionally", "Always"]
# From the best to the worst.
RECREATIONS: tuple[Recreation, ...] = ("Never", "Conditionally", "Always")
Action = Literal["add", "modify", "replace", "may replace", "remove", "import"]
# What an update does to a resource that is there, from the best to the worst.
UPDATES: tuple[Action, ...] = ("modify", "may replace", "replace")

# What becomes of a resource that an operation modifies, as a reviewer wants to know it:
# none           nothing happens to it
# in place       the same resource gets new values
# replaced       another one is created, this one is deleted (or retained)
# may be replaced  that depends on something that only the operation shows
# refused        the service does not accept the change
# released       a new revision, which the pipeline brings into production
Effect = Literal["", "none", "in place", "replaced", "may be replaced", "refused", "released"]


def holds(path: str, other: str) -> bool:
    """Whether the second path is the first, or inside it."""
    return other == path or other.startswith(f"{path}/")


@dataclass(frozen=True)
class PropertyChange:
    """One attribute of a resource that changes; `before` and `after` where they can be told.

    `label` is its path for people, with names where `path` has the indexes of a list. `because` names what
    makes a value change that reads the same before and after, such as the replacement of a resource that it
    refers to. `certain` is False when the value may also stay. `reread` is whether CloudFormation lists it
    only because it will read an attribute of another resource again, which may stay; `of_tags` whether it
    lists it among the changes of tags, of which it tells the place and not the key.
    """

    path: str
    before: str | None = None
    after: str | None = None
    recreation: Recreation = "Never"
    because: str = ""
    certain: bool = True
    reread: bool = False
    of_tags: bool = False
    label: str = ""

    @property
    def is_stack_tag(self) -> bool:
        """Whether it is a tag of the stack, which every resource of it gets; its key is the path's end."""
        return self.path.startswith("/Tags/")

    @property
    def name(self) -> str:
        """The property as people know it: `ContainerDefinitions/api/Image`."""
        return (self.label or self.path).removeprefix("/Properties/").lstrip("/")


@dataclass(frozen=True)
class ResourceChange:
    """What an operation does to one resource.

    `effect` and `notes` are empty where only CloudFormation was asked. `renamed` is, on a resource that is
    added or removed, the logical id under which nearly the same one is removed or added.
    """

    logical_id: str
    type: str
    action: Action
    physical_id: str = ""
    properties: tuple[PropertyChange, ...] = ()
    effect: Effect = ""
    notes: tuple[str, ...] = ()
    renamed: str = ""

    @property
    def stays(self) -> bool:
        """Whether nothing happens to the resource: what CloudFormation reads again for it stays."""
        return self.effect == "none" and bool(self.properties) and all(p.reread for p in self.properties)
