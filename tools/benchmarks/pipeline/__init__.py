"""The article's order of a release and this repository's, with the same times for each action."""
