"""Carrying out a plan or a destroy, under the environment's lock."""
