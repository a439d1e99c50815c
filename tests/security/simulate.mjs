// Reads simulations as JSON from standard input and writes the result of each, in order: Allowed,
// ImplicitlyDenied, ExplicitlyDenied, or the error of a request that cannot be (an unknown action, a
// resource or a key that the action does not have). The simulator itself leaves such a key out and goes on: what
// is to be denied would be, whatever the policy says.
import { runSimulation } from '@cloud-copilot/iam-simulate'

let input = ''
for await (const chunk of process.stdin) input += chunk

function resultOf(answer, simulation) {
  const parts = answer.result ? [answer.result] : answer.results
  const given = Object.keys(simulation.request.contextVariables)
  // Of a pattern of resources that no policy allows, nothing is evaluated.
  const ignored = parts.length ? parts.flatMap((part) => part.ignoredContextKeys) : given
  return ignored.length ? `error: context keys were ignored: ${[...new Set(ignored)].join(', ')}` : answer.overallResult
}

const results = []
for (const simulation of JSON.parse(input)) {
  const answer = await runSimulation(
    { serviceControlPolicies: [], resourceControlPolicies: [], ...simulation },
    { simulationMode: 'Strict' }
  )
  results.push(answer.resultType === 'error' ? `error: ${JSON.stringify(answer.errors)}` : resultOf(answer, simulation))
}
process.stdout.write(JSON.stringify(results))
