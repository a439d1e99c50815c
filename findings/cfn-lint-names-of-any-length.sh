#!/bin/sh
# cfn-lint 1.58.0: the name of a target group may have 60 characters, and a pipeline's 120. That of a topic may not have 257:
# only the resource schemas are asked, and they have no length for the first two.
# Guessed: names in plain text are measured, by one source or another. Elastic Load Balancing takes 32:
# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html
# Seen (November 2026): what is expected below.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check cfn-lint==1.58.0
cat >"$folder/expected" <<'EXPECTED'
template.yaml E3033:NAME is longer than 256
EXPECTED
cat >"$folder/template.yaml" <<'TEMPLATE'
AWSTemplateFormatVersion: "2010-09-09"
Resources:
  TargetGroup:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties: {Name: NAME60, Port: 80, Protocol: HTTP, VpcId: vpc-0123456789abcdef0}
  Topic:
    Type: AWS::SNS::Topic
    Properties: {TopicName: NAME257}
TEMPLATE
cd "$folder"
lint() { env/bin/cfn-lint --regions us-east-1 --format parseable -- "$1" | sed 's/:[0-9:]*:/ /' || true; }
{
name() { head -c "$1" /dev/zero | tr '\0' x; }
sed -i -e "s/NAME60/$(name 60)/" -e "s/NAME257/$(name 257)/" template.yaml
lint template.yaml | sed "s/'x*'/NAME/"
} >seen
cat seen
diff expected seen >&2 || { echo "$0: this has changed" >&2; exit 1; }
