"""Tasks on Graviton, and the builds of their images."""

PARAMETERS = {"Architecture": "ARM64"}
