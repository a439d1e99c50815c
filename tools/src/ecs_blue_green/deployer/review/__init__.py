"""What two revisions of this repository do to every environment, for a pull request."""
