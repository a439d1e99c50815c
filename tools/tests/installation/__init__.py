"""This repository as it is installed: its requirements, environments, and the package as a wheel.

With `tests/documents`, the only tests of the tool that read outside tools/. They install from the package
index that this machine's pip or uv is set to.
"""
