"""A path that the load balancer answers, one that goes to the service before it, and a name that moved."""

from templates._listeners import Certificate, Fixed, ListenerRule, Redirect

LISTENER_RULES = (
    ListenerRule("Status", 10, paths=["/internal/status"]),  # to the service, as everything else
    ListenerRule("Internals", 20, paths=["/internal/*"], answer=Fixed(404)),
    ListenerRule("Old", 30, hosts=["old.example.com"], answer=Redirect(host="new.example.com")),
)

CERTIFICATES = (Certificate("ShopCertificateArn", "The shop's certificate"),)

PARAMETERS = {
    "CertificateArn": "arn:aws:acm:{region}:{account}:certificate/00000000-0000-0000-0000-000000000001",
    "ShopCertificateArn": "arn:aws:acm:{region}:{account}:certificate/00000000-0000-0000-0000-000000000002",
}
