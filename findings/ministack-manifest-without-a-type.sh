#!/bin/sh
# ministack 1.5.33: ECR's PutImage takes a manifest that does not say what it is, from a request that does not either, and
# then says that it is Docker's. ECR wants one of the two (botocore, PutImage, imageManifestMediaType).
# Guessed: an emulator of a registry asks for what tells an image from an index.
# Seen (November 2026): what is expected below.
set -eu
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check ministack==1.5.33
cat >"$folder/expected" <<'EXPECTED'
application/vnd.docker.distribution.manifest.v2+json
EXPECTED
port=$("$folder/env/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cd "$folder"
BIND_HOST=127.0.0.1 GATEWAY_PORT=$port IOT_MTLS_ENABLED=0 env/bin/ministack >server.log 2>&1 &
server=$!
env/bin/python - "$port" >seen <<'PYTHON'
import sys
import time

import botocore.session
from botocore.exceptions import EndpointConnectionError

ecr = botocore.session.get_session().create_client(
    "ecr",
    region_name="us-east-1",
    endpoint_url=f"http://127.0.0.1:{sys.argv[1]}",
    aws_access_key_id="test",
    aws_secret_access_key="test",
)
for _ in range(60):
    try:
        ecr.create_repository(repositoryName="app")
        break
    except EndpointConnectionError:
        time.sleep(0.5)
ecr.put_image(repositoryName="app", imageTag="one", imageManifest='{"schemaVersion": 2, "layers": []}')
(image,) = ecr.batch_get_image(repositoryName="app", imageIds=[{"imageTag": "one"}])["images"]
print(image["imageManifestMediaType"])
PYTHON
cat seen
diff expected seen >&2 || { echo "$0: this has changed" >&2; exit 1; }
