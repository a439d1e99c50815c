"""This repository's documents, workflows and Makefile.

With `tests/installation`, the only tests of the tool that read outside tools/, but for the schemas in docs/.
"""
