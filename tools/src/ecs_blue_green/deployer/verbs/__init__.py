"""One verb of `deploy.py`, one module: `run(invocation)` does it and returns the exit code."""
