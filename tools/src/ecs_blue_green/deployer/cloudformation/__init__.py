"""CloudFormation's side: its calls, one operation on a stack, several stacks at once, what is in the way."""
