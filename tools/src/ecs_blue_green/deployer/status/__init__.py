"""An environment as it is now."""
