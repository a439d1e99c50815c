"""One task on demand, and of further ones three on Spot for each on demand."""

PARAMETERS = {"CapacityProviderStrategy": "FARGATE:1:1,FARGATE_SPOT:3"}
