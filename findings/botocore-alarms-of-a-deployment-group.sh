#!/bin/sh
# botocore 1.44.8: CodeDeploy's model says, twice, that a deployment group takes ten alarms.
# Guessed: the newest model is as new as the service. Its page of quotas says 50, and that it can be raised:
# https://docs.aws.amazon.com/codedeploy/latest/userguide/limits.html (November 2026)
# Seen: what is expected below.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check botocore==1.44.8
cat >"$folder/expected" <<'EXPECTED'
['maximum of 10 alarms'] {}
['(10)']
EXPECTED
"$folder/env/bin/python" - >"$folder/seen" <<'PYTHON'
import re

import botocore.session

model = botocore.session.get_session().get_service_model("codedeploy")
alarms = model.shape_for("AlarmConfiguration").members["alarms"]
print(re.findall(r"maximum of \d+ alarms", alarms.documentation), alarms.metadata)
print(re.findall(r"\(\d+\)", model.shape_for("AlarmsLimitExceededException").documentation))
PYTHON
cat "$folder/seen"
diff "$folder/expected" "$folder/seen" >&2 || { echo "$0: this has changed" >&2; exit 1; }
