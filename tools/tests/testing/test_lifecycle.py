"""What a lifecycle policy expires."""

from typing import Any

from ecs_blue_green.testing.lifecycle import expired

# The newest first: name, tags, age in days.
IMAGES = [("new", {"v2"}, 1), ("old", {"v1"}, 40), ("lost", set[str](), 3), ("kept", {"release-1"}, 90)]


def rule(priority: int, **selection: Any) -> dict[str, Any]:
    return {"rulePriority": priority, "selection": selection}


def test_image_that_a_rule_selects_by_its_tag_is_out_of_the_reach_of_later_rules() -> None:
    keep = rule(
        1, tagStatus="tagged", tagPrefixList=["release-"], countType="imageCountMoreThan", countNumber=1
    )
    age = rule(2, tagStatus="any", countType="sinceImagePushed", countUnit="days", countNumber=30)
    assert expired([age, keep], IMAGES) == {"old"}
    assert expired([age], IMAGES) == {"old", "kept"}


def test_count_is_of_the_newest_and_untagged_images_have_no_tag() -> None:
    newest = rule(1, tagStatus="any", countType="imageCountMoreThan", countNumber=2)
    assert expired([newest], IMAGES) == {"lost", "kept"}
    untagged = rule(1, tagStatus="untagged", countType="sinceImagePushed", countUnit="days", countNumber=2)
    assert expired([untagged], IMAGES) == {"lost"}
    pattern = rule(
        1, tagStatus="tagged", tagPatternList=["v1"], countType="imageCountMoreThan", countNumber=0
    )
    assert expired([pattern], IMAGES) == {"old"}
