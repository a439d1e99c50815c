"""Tests of the emulator: its process, what it refuses, and what it keeps."""
