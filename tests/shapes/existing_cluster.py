"""A cluster of others, and tasks on its capacity providers."""

PARAMETERS = {
    "ClusterName": "shared",
    "ExistingCluster": "true",
    "CapacityProviderStrategy": "FARGATE:1:1,FARGATE_SPOT:3",
}
