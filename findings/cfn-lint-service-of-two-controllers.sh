#!/bin/sh
# cfn-lint 1.58.0: an ECS service may be CODE_DEPLOY's and have the strategy and the bake time of ECS's own controller.
# A strategy that there is not is an error.
# Guessed: one who knows the values of Strategy knows whose they are.
# Seen (November 2026): what is expected below.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check cfn-lint==1.58.0
cat >"$folder/expected" <<'EXPECTED'
two controllers:
no such strategy:
unknown.yaml E3030:'BLUE' is not one of ['ROLLING', 'BLUE_GREEN', 'LINEAR', 'CANARY']
EXPECTED
cat >"$folder/template.yaml" <<'TEMPLATE'
AWSTemplateFormatVersion: "2010-09-09"
Resources:
  Service:
    Type: AWS::ECS::Service
    Properties:
      TaskDefinition: app
      DeploymentController: {Type: CODE_DEPLOY}
      DeploymentConfiguration:
        Strategy: BLUE_GREEN
        BakeTimeInMinutes: 5
TEMPLATE
cd "$folder"
lint() { env/bin/cfn-lint --regions us-east-1 --format parseable -- "$1" | sed 's/:[0-9:]*:/ /' || true; }
{
echo "two controllers:"
lint template.yaml
sed 's/BLUE_GREEN/BLUE/' template.yaml >unknown.yaml
echo "no such strategy:"
lint unknown.yaml
} >seen
cat seen
diff expected seen >&2 || { echo "$0: this has changed" >&2; exit 1; }
