"""The emulator's answers beside those of emulators that others wrote; AWS's documentation is the judge.

See `python -m judges --help` and docs/emulator-differences.md.
"""
