#!/usr/bin/env node
// Sums the reports under test-results/ in one line: "120 passed, 0 failed". Exit 1 when a test failed or none ran.
// What failed stands above it with what it said, so that the end of a log is enough to know.
import { readTests } from './test-reports.mjs';

const tests = readTests(process.argv[2] ?? 'test-results') ?? [];
const count = (status) => tests.filter((test) => test.status === status).length;
for (const test of tests) if (test.status === 'skipped') console.log(`skipped: ${test.name}`);
for (const test of tests.filter((each) => each.status === 'failed')) {
  console.log(`failed: ${test.name}`);
  for (const line of test.why.split('\n').slice(0, 25)) console.log(`    ${line.slice(0, 300)}`);
}
console.log(`${count('passed')} passed, ${count('failed')} failed`);
process.exitCode = count('failed') > 0 || count('passed') === 0 ? 1 : 0;
