"""What `make security` proves, with tools that are not in `.venv`: see docs/security.md."""
