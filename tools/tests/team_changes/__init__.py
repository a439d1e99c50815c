"""What a team changes in its copy of this repository, and that everything it runs stays green."""
