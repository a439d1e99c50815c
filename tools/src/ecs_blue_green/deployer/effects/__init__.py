"""What a change of templates and parameters does to every resource, told without asking AWS."""
