"""Measurements that are not tests: each prints what it found."""

import os

# On a person's machine Python keeps what it has compiled. Where it may not, a short process does little else.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
