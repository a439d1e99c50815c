"""Where reality differs from the templates, and whose doing that is."""
