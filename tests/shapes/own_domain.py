"""A name in a hosted zone, with its certificate."""

PARAMETERS = {
    "DomainName": "shop.example.com",
    "HostedZoneId": "Z0123456789ABCDEFGHIJ",
    "CertificateArn": "arn:aws:acm:{region}:{account}:certificate/00000000-0000-0000-0000-000000000001",
}
