#!/bin/sh
# @aws-cdk/cloudformation-diff 2.187.5 beside the resource schemas in cfn-lint 1.58.0: AWS publishes both, and they differ on
# whether a change replaces the resource. The schemas call no property of a record set create-only, not its name either,
# and neither a service's controller; `cdk diff` says of each that it is replaced.
# Guessed: the schemas are the source of the other, so the two agree.
# Seen (November 2026): what is expected below, of types of a load-balanced ECS service.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts \
  @aws-cdk/cloudformation-diff@2.187.5 @aws-cdk/aws-service-spec@0.1.216 >&2
python3 -m venv env
env/bin/python -m pip install --quiet --disable-pip-version-check cfn-lint==1.58.0
cat >expected <<'EXPECTED'
AWS::Route53::RecordSet Name: cdk diff WILL_REPLACE, schema no
AWS::Route53::RecordSet HostedZoneId: cdk diff WILL_REPLACE, schema create-only
AWS::ECS::Service DeploymentController: cdk diff WILL_REPLACE, schema no
AWS::ECS::Service LaunchType: cdk diff WILL_REPLACE, schema conditionally create-only
AWS::S3::Bucket ObjectLockEnabled: cdk diff WILL_REPLACE, schema no
AWS::ElasticLoadBalancingV2::TargetGroup Port: cdk diff WILL_REPLACE, schema create-only
EXPECTED
cat >changes.json <<'CHANGES'
[
  ["AWS::Route53::RecordSet", "Name", "a.example.com", "b.example.com"],
  ["AWS::Route53::RecordSet", "HostedZoneId", "Z1", "Z2"],
  ["AWS::ECS::Service", "DeploymentController", {"Type": "CODE_DEPLOY"}, {"Type": "ECS"}],
  ["AWS::ECS::Service", "LaunchType", "FARGATE", "EC2"],
  ["AWS::S3::Bucket", "ObjectLockEnabled", false, true],
  ["AWS::ElasticLoadBalancingV2::TargetGroup", "Port", 80, 8080]
]
CHANGES
cat >differ.cjs <<'PROGRAM'
const { fullDiff } = require('@aws-cdk/cloudformation-diff')
const changes = require('./changes.json')
const template = (Type, name, value) => ({ Resources: { Changed: { Type, Properties: { [name]: value } } } })
for (const [type, name, before, after] of changes) {
  const difference = fullDiff(template(type, name, before), template(type, name, after))
  console.log(difference.resources.get('Changed').changeImpact)
}
PROGRAM
cat >schemas.py <<'PYTHON'
import json

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER as schemas

for kind, name, *_ in json.load(open("changes.json")):
    schema = schemas.get_resource_schema("us-east-1", kind).schema
    words = {"conditionally create-only": "conditionalCreateOnlyProperties", "create-only": "createOnlyProperties"}
    said = [word for word, key in words.items() if any(p.split("/")[2] == name for p in schema.get(key, []))]
    print(f"{kind} {name}\t{said[0] if said else 'no'}")
PYTHON
node differ.cjs >cdk
env/bin/python schemas.py >schema
paste cdk schema | while IFS='	' read -r impact property said; do
  echo "$property: cdk diff $impact, schema $said"
done >seen
cat seen
diff expected seen >&2 || { echo "$0: this has changed" >&2; exit 1; }
