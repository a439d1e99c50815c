"""The times of a release's actions, which the layouts of the pipeline are compared by."""

from benchmarks.pipeline.layout import ARTICLE
from benchmarks.pipeline.measure import measured


def test_each_action_of_a_release_is_measured() -> None:
    assert measured().keys() == set(ARTICLE)
