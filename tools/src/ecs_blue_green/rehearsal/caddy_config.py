"""Caddy's configuration for a load balancer: its listeners, their weights, the targets that get requests.

One process plays the load balancer's nodes. Health is not Caddy's business here: it takes every target for
healthy when a configuration is loaded, and answers 503 where Elastic Load Balancing fails open. So it is told
which targets get requests, and nothing else (`ecs_blue_green.rehearsal.target_groups`).
https://caddyserver.com/docs/json/apps/http/

What targets are told of a client is Elastic Load Balancing's way, with its attributes at their defaults.
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/x-forwarded-headers.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ecs_blue_green.rehearsal import listener_rules
from ecs_blue_green.rehearsal.listener_rules import Rule

# Says in an answer which target it came from; an answer without it is the load balancer's own.
TARGET_HEADER = "X-Rehearsal-Target"
# The same for a target that could not be reached.
FAILED_HEADER = "X-Rehearsal-Failed-Target"
# The longest that a request may still take which began before the configuration changed.
GRACE = "30s"


DEFAULT_PORTS = (80, 443)
# Every client is one of this machine: what it says of itself in X-Forwarded-For is kept, as there.
CLIENTS = ["127.0.0.0/8"]


@dataclass(frozen=True)
class Listener:
    """A listener: the file descriptor of its socket, and its redirection where it does not forward.

    `protocol` and `port` are those that the load balancer's clients know, and that targets are told.
    `certificate` is the name in the certificate of one that speaks TLS here, None for plain HTTP.
    """

    arn: str
    descriptor: int
    redirect_to: str | None = None
    protocol: str = "HTTP"
    port: int = 80
    keeps_host: bool = False
    certificate: str | None = None


LOGGER = "http.log.access."
# Below where Caddy keeps its data: the certificate of the authority that signs the others.
AUTHORITY = "caddy/pki/authorities/local/root.crt"

Config = dict[str, Any]
# Per listener ARN: target group ARN to weight.
Weights = Mapping[str, Mapping[str, int]]
# Per target group ARN: the addresses (host:port) of the targets that get requests.
Targets = Mapping[str, Sequence[str]]
# Per listener ARN: its rules in their order, the default one last.
Rules = Mapping[str, Sequence[Rule]]


def config(
    admin: str,
    listeners: Sequence[Listener],
    weights: Weights,
    targets: Targets,
    rules: Rules = MappingProxyType({}),
) -> Config:
    """The whole configuration; `admin` is the address of the admin interface (host:port).

    A listener without `rules` forwards everything by its `weights`. A listener's requests are logged as
    LOGGER and its place in `listeners`.
    """
    names = sorted({listener.certificate for listener in listeners if listener.certificate})
    return {
        "admin": {"listen": admin, "config": {"persist": False}},
        "logging": {
            "logs": {
                # Errors show in the answers; this log is for finding out why.
                "default": {"writer": {"output": "stderr"}, "level": "WARN", "exclude": ["http.log.access"]},
                "access": {
                    "writer": {"output": "stdout"},
                    "include": ["http.log.access"],
                    "encoder": {
                        "format": "filter",
                        "wrap": {"format": "json"},
                        "fields": {"request": {"filter": "delete"}},
                    },
                },
            }
        },
        "apps": {
            "http": {
                "grace_period": GRACE,
                "servers": {
                    str(number): _server(
                        number, listener, _routes(listener, weights, targets, rules.get(listener.arn, ()))
                    )
                    for number, listener in enumerate(listeners)
                },
            },
            **(_certificates(names) if names else {}),
        },
    }


def certificate_file(name: str) -> str:
    """Where Caddy keeps the certificate of a name, below where it keeps its data."""
    return f"caddy/certificates/local/{name}/{name}.crt"


def _certificates(names: Sequence[str]) -> Config:
    """Certificates of Caddy's own authority, which this machine is not made to trust."""
    return {
        "pki": {"certificate_authorities": {"local": {"install_trust": False}}},
        "tls": {
            "certificates": {"automate": names},
            "automation": {"policies": [{"subjects": names, "issuers": [{"module": "internal"}]}]},
        },
    }


def _server(number: int, listener: Listener, routes: Sequence[Config]) -> Config:
    return {
        "listen": [f"fd/{listener.descriptor}"],
        "automatic_https": {"disable": True},
        "protocols": ["h1"],
        "routes": routes,
        "errors": {"routes": [{"handle": _FAILED}]},
        "logs": {"default_logger_name": str(number)},
        **(_tls(listener.certificate) if listener.certificate else {}),
    }


def _tls(name: str) -> Config:
    # Whatever name a client asks for, it gets the listener's default certificate.
    return {"tls_connection_policies": [{"default_sni": name, "fallback_sni": name}]}


_FAILED = [
    {
        "handler": "headers",
        "response": {"set": {FAILED_HEADER: ["{http.reverse_proxy.upstream.hostport}"]}},
    },
    {"handler": "static_response", "status_code": "{http.error.status_code}"},
]
_NO_TARGET = {"handler": "static_response", "status_code": 503}


def _routes(listener: Listener, weights: Weights, targets: Targets, rules: Sequence[Rule]) -> list[Config]:
    """What the listener does with its requests: the first rule that one is for has it."""
    if listener.redirect_to:
        return [{"handle": [_redirection(listener.redirect_to, 301)]}]
    if not rules:
        return [{"handle": [_forward(listener, weights.get(listener.arn, {}), targets)]}]
    routes: list[Config] = []
    for rule in rules:
        matcher = listener_rules.matcher(rule)
        if matcher is not None:
            condition = {"match": [matcher]} if matcher else {}
            handler = _acting(listener, rule["Actions"], targets)
            routes.append({**condition, "handle": [handler], "terminal": True})
    return routes


def _acting(listener: Listener, actions: Sequence[Mapping[str, Any]], targets: Targets) -> Config:
    """What a rule's actions come to; those before the last, such as an authentication, are passed by."""
    for action in actions:
        if action["Type"] == "forward":
            groups = action["ForwardConfig"]["TargetGroups"]
            weights = {group["TargetGroupArn"]: group["Weight"] for group in groups}
            return _forward(listener, weights, targets)
        if action["Type"] == "redirect":
            redirect = action["RedirectConfig"]
            status = int(redirect["StatusCode"].split("_")[1])
            location = [_location(listener, redirect)]
            return {"handler": "static_response", "status_code": status, "headers": {"Location": location}}
        if action["Type"] == "fixed-response":
            fixed = action["FixedResponseConfig"]
            return {
                "handler": "static_response",
                "status_code": int(fixed["StatusCode"]),
                "body": fixed.get("MessageBody", ""),
            }
    return _NO_TARGET


def _location(listener: Listener, redirect: Mapping[str, str]) -> str:
    """Where a rule sends a client, in Caddy's words; what the rule leaves out is the request's.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RedirectActionConfig.html
    """
    path, query = redirect.get("Path", "/#{path}"), redirect.get("Query", "#{query}")
    # The request's own, with a question mark only where it has a query.
    whole = (
        "/#{path}#{?query}" if (path, query) == ("/#{path}", "#{query}") else f"{path}?{query}".rstrip("?")
    )
    location = f"{redirect.get('Protocol', '#{protocol}')}://{redirect.get('Host', '#{host}')}"
    location += f":{redirect.get('Port', '#{port}')}{whole}"
    for name, value in {
        "/#{path}#{?query}": "{http.request.uri}",
        "/#{path}": "{http.request.uri.path}",
        "#{query}": "{http.request.uri.query}",
        "#{host}": "{http.request.host}",
        "#{port}": str(listener.port),
        "#{protocol}": listener.protocol,
    }.items():
        location = location.replace(name, value)
    scheme, rest = location.split("://", 1)
    return f"{scheme.lower()}://{rest}"


def address(redirect: Mapping[str, str]) -> str:
    """Where a redirection goes that keeps host, path and query, in Caddy's words."""
    protocol, port = redirect.get("Protocol", "HTTPS"), redirect.get("Port", "443")
    return f"{protocol.lower()}://{{http.request.host}}:{port}"


def _redirection(to: str, status: int) -> Config:
    location = [f"{to}{{http.request.uri}}"]
    return {"handler": "static_response", "status_code": status, "headers": {"Location": location}}


def _forward(listener: Listener, weights: Mapping[str, int], targets: Targets) -> Config:
    shares = shares_of_targets(weights, targets)
    if not shares:
        return _NO_TARGET
    return {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": address} for address, _ in shares],
        "load_balancing": {
            "selection_policy": {"policy": "weighted_round_robin", "weights": [share for _, share in shares]}
        },
        "trusted_proxies": CLIENTS,
        "headers": {
            "request": _told(listener),
            "response": {"set": {TARGET_HEADER: ["{http.reverse_proxy.upstream.hostport}"]}},
        },
    }


def _told(listener: Listener) -> Config:
    """The header fields that a target gets: Host has the port unless it is 80 or 443, whoever named one.

    X-Forwarded-For is Caddy's: the client's address, behind those that the client sent.
    """
    port = "" if listener.port in DEFAULT_PORTS else f":{listener.port}"
    host = {} if listener.keeps_host else {"Host": [f"{{http.request.host}}{port}"]}
    return {
        "set": {
            **host,
            "X-Forwarded-Proto": [listener.protocol.lower()],
            "X-Forwarded-Port": [str(listener.port)],
        },
        # Caddy's, which Elastic Load Balancing does not send.
        "delete": ["X-Forwarded-Host", "Via"],
    }


def shares_of_targets(weights: Mapping[str, int], targets: Targets) -> list[tuple[str, int]]:
    """Each target's share of a listener's requests, in the smallest whole numbers.

    A group's weight is shared by its targets. A group without one keeps its share, which nobody answers:
    Elastic Load Balancing does not send a group's requests to another group (address "", see NOWHERE).
    """
    groups = {arn: weight for arn, weight in weights.items() if weight}
    filled = {arn: list(targets.get(arn, ())) for arn in groups}
    if not any(filled.values()):
        return []
    common = math.lcm(*(len(addresses) or 1 for addresses in filled.values()))
    shares = [
        (address, weight * common // (len(filled[arn]) or 1))
        for arn, weight in groups.items()
        for address in filled[arn] or [NOWHERE]
    ]
    divisor = math.gcd(*(share for _, share in shares))
    return [(address, share // divisor) for address, share in shares]


# Port 0 of this machine: no connection can be made, and the load balancer answers 502 itself. AWS answers
# 503; both are the load balancer's own 5xx.
NOWHERE = "127.0.0.1:0"
