"""The connection to GitHub: that of the parameter, or the one that infrastructure created."""

from troposphere import If, Ref

from templates._exports import import_value

# The export is imported only if it is needed: with an existing connection, infrastructure can then delete the
# one that it created, whose export would otherwise be in use.
CONNECTION_ARN = If("HasConnection", Ref("ConnectionArn"), import_value("infrastructure", "ConnectionArn"))
