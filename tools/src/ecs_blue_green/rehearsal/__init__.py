"""A release on this machine, from the generated templates: canary, alarm, rollback, with real requests.

What is real, what is simulated and what is left out: docs/rehearsal.md.
"""
