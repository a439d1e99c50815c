"""A database behind a security group, a cache in a range of addresses, and a partner's prefix list."""

from templates._egress import Egress

EGRESS = (
    Egress("PostgreSQL", 5432, security_group="DatabaseSecurityGroupId"),
    Egress("Redis in the old network", 6379, cidr="CacheCidr"),
    Egress("Mail of the partner", 587, prefix_list="PartnerPrefixListId"),
)

PARAMETERS = {
    "DatabaseSecurityGroupId": "sg-0a1b2c3d4e5f60718",
    "CacheCidr": "10.20.0.0/16",
    "PartnerPrefixListId": "pl-0a1b2c3d4e5f60718",
}
