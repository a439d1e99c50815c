"""What a template's `Parameters` block accepts, where a file of parameters does not show it."""

from ecs_blue_green.deployer import parameters


def test_longest_value_is_counted_in_bytes() -> None:
    """CloudFormation takes 4,096 bytes; what a template declares are characters."""
    assert parameters.problem({"Type": "String"}, ["x" * 4096]) is None
    assert parameters.problem({"Type": "String"}, ["ü" * 2048]) is None
    assert parameters.problem({"Type": "String"}, ["ü" * 2049]) == "must have 4096 bytes at most, not 4098"
    assert parameters.problem({"Type": "String", "MaxLength": 3}, ["üüü"]) is None
    assert parameters.problem({"Type": "String", "MaxLength": 3}, ["xxxx"]) == "must have 0 to 3 characters"
