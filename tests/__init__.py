"""Tests of the team's part: templates, parameter files, application and pipeline."""

from pathlib import Path

# The project.
ROOT = Path(__file__).resolve().parent.parent
