"""This repository's documents, workflows and Makefile.

The only tests of the tool that read outside tools/, but for the schemas in docs/.
"""
