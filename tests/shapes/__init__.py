"""The shapes that teams run, one file each, as a team would write it; the tests make each of them of a copy.

A shape assigns tables by the names of `templates/_application.py`, and `PARAMETERS`, which every parameter
file is given (`{account}` and `{region}` stand for the file's). These tests are about the repository that
teams copy: a copy leaves them out, which is known by the project of its local environment.
"""
