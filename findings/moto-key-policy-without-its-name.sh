#!/bin/sh
# moto 5.2.5: KMS has no policy for a key where GetKeyPolicy leaves out the policy's name, which is `default` then (botocore,
# GetKeyPolicy); with the name there is one.
# Guessed: a parameter that may be left out has its default.
# Seen (November 2026): what is expected below.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check moto==5.2.5 boto3==1.44.8
cat >"$folder/expected" <<'EXPECTED'
PolicyName left out: NotFoundException
PolicyName default: a policy
EXPECTED
cd "$folder"
env/bin/python - >seen <<'PYTHON'
import boto3
from botocore.exceptions import ClientError
from moto import mock_aws

with mock_aws():
    kms = boto3.client("kms", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    for what, name in (("left out", {}), ("default", {"PolicyName": "default"})):
        try:
            kms.get_key_policy(KeyId=key, **name)
            print(f"PolicyName {what}: a policy")
        except ClientError as error:
            print(f"PolicyName {what}:", error.response["Error"]["Code"])
PYTHON
cat seen
diff expected seen >&2 || { echo "$0: this has changed" >&2; exit 1; }
