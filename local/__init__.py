"""AWS on this machine: an embedded emulator that refuses what AWS refuses.

`stacks/` comes in through `local.emulator` alone; people use `python -m local serve`.
"""
