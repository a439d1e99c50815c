"""Stands in for a team's application: what a release replaces."""
