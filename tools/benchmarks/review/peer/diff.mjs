// What @aws-cdk/cloudformation-diff says of edits: reads [{before, after, logicalId}] as JSON from standard
// input and prints the impact of each on its resource.
import { readFileSync } from 'node:fs';
import { fullDiff } from '@aws-cdk/cloudformation-diff';

const edits = JSON.parse(readFileSync(0, 'utf8'));
const impacts = edits.map(({ before, after, logicalId }) => {
  const change = fullDiff(before, after).resources.changes[logicalId];
  return change ? change.changeImpact : 'NO_CHANGE';
});
process.stdout.write(JSON.stringify(impacts));
