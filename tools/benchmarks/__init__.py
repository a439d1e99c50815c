"""Measurements that are not tests: each prints what it found."""
