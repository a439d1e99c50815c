"""A load balancer inside the network, for clients of one range."""

PARAMETERS = {
    "LoadBalancerScheme": "internal",
    "PublicSubnetIds": None,
    "InternalSubnetIds": ["subnet-0a1b2c3d4e5f6071c", "subnet-0a1b2c3d4e5f6071d"],
    "LoadBalancerCidr": "10.0.0.0/8",
}
