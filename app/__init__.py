"""The sample web application: what a release replaces."""
