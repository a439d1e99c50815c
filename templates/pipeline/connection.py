"""The connection to GitHub: the parameter's, or the one that infrastructure created."""

from troposphere import If, Ref

from templates._exports import import_value

# The export is imported only where it is needed: with a connection of one's own, infrastructure can then give
# up the one that it created, whose export would be in use.
CONNECTION_ARN = If("HasConnection", Ref("ConnectionArn"), import_value("infrastructure", "ConnectionArn"))
