// Reads simulations as JSON from standard input and writes the result of each, in order: Allowed,
// ImplicitlyDenied, ExplicitlyDenied, or the error of a request that cannot be (an unknown action, a
// resource or a key that the action does not have).
import { runSimulation } from '@cloud-copilot/iam-simulate'

let input = ''
for await (const chunk of process.stdin) input += chunk

const results = []
for (const simulation of JSON.parse(input)) {
  const answer = await runSimulation(
    { serviceControlPolicies: [], resourceControlPolicies: [], ...simulation },
    { simulationMode: 'Strict' }
  )
  results.push(answer.resultType === 'error' ? `error: ${JSON.stringify(answer.errors)}` : answer.overallResult)
}
process.stdout.write(JSON.stringify(results))
