"""Names that the two parts of a rehearsal share: the command, and its part inside the emulator."""

# What an Install waits for is no function; this stands where a hook's function is expected.
TASKS = "the tasks of the replacement task set"
