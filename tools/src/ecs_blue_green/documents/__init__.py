"""The generated parts of a project's documents: what its templates say, in tables and lists."""
