"""A commit can be built again, for a newer base image."""

from templates._code import Code

CODE = Code("app", rebuilds=True)
