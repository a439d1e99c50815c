"""What a parameter file names and no template creates, so that its environment can be deployed here.

A certificate, a key, a connection, a policy, a secret, a bucket, a cluster or a hosted zone is not in the
emulated account. Each gets a placeholder under the name that the file gives it: it exists, and that is all.
"""

import json
from collections.abc import Callable, Iterable

from ecs_blue_green.emulator import engine, stores
from ecs_blue_green.emulator.services.connections import CONNECTIONS, PLACEHOLDER_STATUS


def provide(names: Iterable[str]) -> list[str]:
    """Create a placeholder of everything that is missing, and return what was created.

    `names` are ARNs, names of buckets, `cluster/NAME`, and `hostedzone/ID/NAME` for a record of that name.
    """
    provided = []
    for name in names:
        kind = name.split(":")[2] if name.startswith("arn:") else name.split("/")[0] if "/" in name else "s3"
        make = _MAKERS.get(kind)
        if make and make(name):
            provided.append(name)
    return provided


def _certificate(arn: str) -> bool:
    acm = engine.service_module("acm")
    if arn in stores.certificates:
        return False
    created = engine.answer_of(acm._request_certificate({"DomainName": "placeholder.example"}))
    certificate = stores.certificates.pop(created["CertificateArn"])
    stores.certificates[arn] = {**certificate, "CertificateArn": arn}
    return True


def _connection(arn: str) -> bool:
    if arn in CONNECTIONS:
        return False
    CONNECTIONS[arn] = {
        "ConnectionName": "placeholder",
        "ConnectionArn": arn,
        "ProviderType": "GitHub",
        "OwnerAccountId": engine.account(),
        "ConnectionStatus": PLACEHOLDER_STATUS,
        "Tags": [],
    }
    return True


def _key(arn: str) -> bool:
    kms, key = engine.service_module("kms"), arn.rpartition("/")[2]
    if key in kms._keys:
        return False
    new_id = engine.answer_of(kms._create_key({"Policy": _policy("kms:*", "*")}))["KeyMetadata"]["KeyId"]
    kms._keys[key] = {**kms._keys.pop(new_id), "KeyId": key, "Arn": arn}
    return True


def _secret(arn: str) -> bool:
    secrets, name = engine.service_module("secretsmanager"), arn.split(":")[6]
    if name in secrets._secrets:
        return False
    engine.answer_of(secrets._create_secret({"Name": name, "SecretString": "placeholder"}))
    secrets._secrets[name]["ARN"] = arn
    return True


def _stored_parameter(arn: str) -> bool:
    ssm, name = engine.service_module("ssm"), arn.partition(":parameter")[2]
    if name in ssm._parameters:
        return False
    engine.answer_of(ssm._put_parameter({"Name": name, "Type": "SecureString", "Value": "placeholder"}))
    return True


def _managed_policy(arn: str) -> bool:
    if arn in stores.policies:
        return False
    path, _, name = arn.partition(":policy")[2].rpartition("/")
    engine.iam.store_policy(arn, name, f"{path}/", _policy("*", "*"))
    return True


def _bucket(name: str) -> bool:
    if name in stores.buckets:
        return False
    engine.s3._create_bucket(name, b"", {})
    stores.bucket_policies[name] = _policy("s3:PutObject", f"arn:aws:s3:::{name}/*")
    return True


def _cluster(name: str) -> bool:
    name = name.partition("/")[2]
    if name in stores.clusters:
        return False
    # What a cluster has that was made in the console.
    # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/create-cluster-console-v2.html
    providers = ["FARGATE", "FARGATE_SPOT"]
    engine.ecs_operation("CreateCluster", {"clusterName": name, "capacityProviders": providers})
    return True


def _hosted_zone(name: str) -> bool:
    route53 = engine.service_module("route53")
    zone, domain = name.split("/")[1:]
    if zone in route53._zones:
        return False
    route53._zones[zone] = {
        "id": zone,
        "name": f"{domain}.",
        "caller_reference": zone,
        "comment": "placeholder",
        "private": False,
    }
    route53._records[zone] = route53._default_records(f"{domain}.")
    return True


def _web_acl(arn: str) -> bool:
    waf, (name, identifier) = engine.service_module("waf"), arn.split("/")[-2:]
    if identifier in waf._web_acls:
        return False
    new_arn, _, record = waf.create_web_acl_record(name, "REGIONAL", {})
    waf._web_acls.pop(new_arn)
    waf._web_acls[identifier] = {**record, "ARN": arn, "Id": identifier}
    return True


def _policy(action: str, resource: str) -> str:
    # The placeholder's policy allows every principal.
    statement = {"Effect": "Allow", "Principal": "*", "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


_MAKERS: dict[str, Callable[[str], bool]] = {
    "acm": _certificate,
    "codeconnections": _connection,
    "codestar-connections": _connection,
    "cluster": _cluster,
    "hostedzone": _hosted_zone,
    "iam": _managed_policy,
    "kms": _key,
    "s3": _bucket,
    "secretsmanager": _secret,
    "ssm": _stored_parameter,
    "wafv2": _web_acl,
}
