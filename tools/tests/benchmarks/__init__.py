"""Tests of the benchmarks: that what they measure is there, and that their figures mean what they say."""
