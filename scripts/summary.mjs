#!/usr/bin/env node
// Sums the reports under test-results/ in one line: "120 passed, 0 failed". Exit 1 when a test failed or none ran.
import { readTests } from './test-reports.mjs';

const tests = readTests(process.argv[2] ?? 'test-results') ?? [];
const count = (status) => tests.filter((test) => test.status === status).length;
for (const test of tests) if (test.status === 'skipped') console.log(`skipped: ${test.name}`);
console.log(`${count('passed')} passed, ${count('failed')} failed`);
process.exitCode = count('failed') > 0 || count('passed') === 0 ? 1 : 0;
