"""CloudFormation: change sets, an operation on one stack or on several at once, and deletion blockers."""
