#!/bin/sh
# cfn-lint 1.58.0: a size of a task that Fargate does not have is an error (E3047), and none where the two values are the
# defaults of parameters.
# Guessed: a Ref to a parameter counts as its default, as for other rules of cfn-lint.
# Seen (November 2026): what is expected below.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check cfn-lint==1.58.0
cat >"$folder/expected" <<'EXPECTED'
behind parameters:
as they are:
plain.yaml E3047:Cpu '256' is not compatible with memory '4096'
EXPECTED
cat >"$folder/template.yaml" <<'TEMPLATE'
AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Cpu: {Type: String, Default: "256"}
  Memory: {Type: String, Default: "4096"}
Resources:
  TaskDefinition:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Cpu: !Ref Cpu
      Memory: !Ref Memory
      NetworkMode: awsvpc
      RequiresCompatibilities: [FARGATE]
      ContainerDefinitions: [{Name: app, Image: nginx, Essential: true}]
TEMPLATE
cd "$folder"
lint() { env/bin/cfn-lint --regions us-east-1 --format parseable -- "$1" | sed 's/:[0-9:]*:/ /' || true; }
{
echo "behind parameters:"
lint template.yaml
sed -e '/^Parameters/,/^  Memory/d' -e 's/!Ref Cpu/"256"/' -e 's/!Ref Memory/"4096"/' template.yaml >plain.yaml
echo "as they are:"
lint plain.yaml
} >seen
cat seen
diff expected seen >&2 || { echo "$0: this has changed" >&2; exit 1; }
