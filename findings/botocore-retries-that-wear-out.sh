#!/bin/sh
# botocore 1.44.8: after 36 retries a client tries each further call once, and ten attempts last 26 s at most.
# Guessed: what is configured (mode `standard`, ten attempts) means in 1.44 what it meant in 1.43, where they last up to
# 111 s and the same client goes on.
# Seen (November 2026): what is expected below, with a clock that only pauses move; an attempt takes no time.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/calls.py" <<'PYTHON'
import random
from types import SimpleNamespace

random.random = lambda: 1.0  # the longest pauses; before botocore takes it for its own

import botocore
import botocore.endpoint
import botocore.session
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError

now, attempts = 0.0, 0


def sleep(seconds):
    global now
    now += seconds


def send(request, **_):
    global attempts
    attempts += 1
    raw = SimpleNamespace(stream=lambda: iter([b"<ErrorResponse><Error><Code>Busy</Code></Error></ErrorResponse>"]))
    return AWSResponse(request.url, 503, {}, raw)


botocore.endpoint.time = SimpleNamespace(sleep=sleep)
client = botocore.session.get_session().create_client(
    "cloudformation",
    region_name="eu-west-1",
    aws_access_key_id="a",
    aws_secret_access_key="b",
    config=Config(retries={"mode": "standard", "total_max_attempts": 10}),
)
client.meta.events.register("before-send", send)
tried = []
for _ in range(6):
    attempts = 0
    try:
        client.list_stacks()
    except ClientError:
        tried.append(attempts)
    if len(tried) == 1:
        lasted = now
print(botocore.__version__, "attempts", tried, f"the first call lasts {lasted:.0f} s")
PYTHON
for version in 1.43.106 1.44.8; do
  python3 -m venv "$folder/$version"
  "$folder/$version/bin/python" -m pip install --quiet --disable-pip-version-check "botocore==$version"
  "$folder/$version/bin/python" "$folder/calls.py"
done >"$folder/seen"
cat >"$folder/expected" <<'EXPECTED'
1.43.106 attempts [10, 10, 10, 10, 10, 10] the first call lasts 111 s
1.44.8 attempts [10, 10, 10, 9, 1, 1] the first call lasts 26 s
EXPECTED
cat "$folder/seen"
diff "$folder/expected" "$folder/seen" >&2 || { echo "$0: this has changed" >&2; exit 1; }
