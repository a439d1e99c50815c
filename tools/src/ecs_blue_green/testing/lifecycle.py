"""Which images the lifecycle policy of an ECR repository expires."""

from typing import Any


def expired(rules: list[dict[str, Any]], images: list[tuple[str, set[str], int]]) -> set[str]:
    """Which of the images (name, tags, age in days; the newest first) the rules of a repository expire.

    As documented: rules apply by priority, and an image that a rule selects by its tag is out of the reach
    of the later ones. https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
    """
    gone, taken = set(), set()
    for rule in sorted(rules, key=lambda rule: rule["rulePriority"]):
        selection = rule["selection"]
        selected = []
        for name, tags, age in images:
            by_tag = any(
                tag in selection.get("tagPatternList", [])
                or tag.startswith(tuple(selection.get("tagPrefixList", [])))
                for tag in tags
            )
            by_status = {"tagged": by_tag, "untagged": not tags, "any": True}[selection["tagStatus"]]
            if by_status and name not in taken:
                selected.append((name, age))
        if selection["countType"] == "imageCountMoreThan":
            gone |= {name for name, _ in selected[selection["countNumber"] :]}
        else:
            gone |= {name for name, age in selected if age > selection["countNumber"]}
        taken |= {name for name, _ in selected}
    return gone
