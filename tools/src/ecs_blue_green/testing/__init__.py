"""What a project's own tests use: its local environment deployed, released and read on the emulator.

Nothing here knows a project: names are read from its `build/` and `params/`, and from what was deployed.
"""
