"""`make init`: a fresh clone becomes a team's copy, in one commit.

`answers` are what a team says of itself, `parameter_files` what the files of its environments are with that,
`repository` is git, and `command` puts them together. Everything is made beside the repository: until its
commit is there, nothing in it has changed.
"""
