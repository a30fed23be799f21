#!/usr/bin/env node
// Which rows of docs/requirements/ does no passing test show?
//
// A test shows a row by carrying its id in its name: it('B-45 approves a notional of exactly the limit'), or in Python
// def test_S_42_same_partition(). Only tests that passed count. A name that carries more than three rows counts for none:
// one test cannot show so much.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readTests } from './test-reports.mjs';

const USAGE = `Usage: node scripts/rows.mjs [family…] [options]
  family              K B S T C E; all without one
  --all               list informative and future rows among those not yet shown
  --require <file>    fail when a row of this list (one id a line, # comments) is not shown
  --reports <folder>  default test-results
  --rows <folder>     default docs/requirements
Exit: 0 done, 1 no reports or a required row not shown, 2 wrong use.`;

const FAMILIES = ['K', 'B', 'S', 'T', 'C', 'E'];
const ROWS_PER_TEST_MAX = 3;
const LINE = 100;

function readRows(folder) {
  const files = readdirSync(folder).filter((file) => file.endsWith('.md'));
  return files
    .flatMap((file) => [
      ...readFileSync(join(folder, file), 'utf8').matchAll(/^\| ([TBSCEK]-\d+) \| (.*)$/gm),
    ])
    .map(([, id, text]) => ({ id, optional: /^(\[\w+\])*\[(FUT|INFO)\]/.test(text) }));
}

function idsIn(name) {
  const found = name.matchAll(/(?<![A-Za-z0-9])([TBSCEK])[-_](\d{2,3})(?!\d)/g);
  return [...new Set([...found].map(([, family, number]) => `${family}-${number}`))];
}

function shownBy(tests, known) {
  const shown = new Set();
  const remarks = [];
  for (const { name } of tests.filter((test) => test.status === 'passed')) {
    const ids = idsIn(name);
    if (ids.length > ROWS_PER_TEST_MAX)
      remarks.push(`counts for none, ${ids.length} rows: ${name}`);
    else for (const id of ids) shown.add(id);
    for (const id of ids) if (!known.has(id)) remarks.push(`there is no row ${id}: ${name}`);
  }
  return { shown, remarks };
}

function wrapped(words) {
  const lines = [''];
  for (const word of words) {
    if (lines.at(-1).length + word.length + 3 > LINE) lines.push('');
    lines[lines.length - 1] += ` ${word}`;
  }
  return lines.map((line) => `  ${line}`).join('\n');
}

function printFamily(family, rows, shown, all) {
  const own = rows.filter((row) => row.id.startsWith(`${family}-`));
  const missing = own.filter((row) => !shown.has(row.id));
  const listed = missing.filter((row) => all || !row.optional).map((row) => row.id);
  const later = missing.filter((row) => !all && row.optional).map((row) => row.id);
  console.log(
    `${family}: ${own.length - missing.length} of ${own.length} rows shown by a passing test`,
  );
  if (listed.length > 0) console.log(`  not yet:\n${wrapped(listed)}`);
  if (later.length > 0) console.log(`  only planned, or information:\n${wrapped(later)}`);
}

function requiredIn(file) {
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => line.replace(/#.*/, '').split(/\s+/))
    .filter((id) => id !== '');
}

function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      all: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      require: { type: 'string' },
      reports: { type: 'string', default: 'test-results' },
      rows: { type: 'string', default: 'docs/requirements' },
    },
  });
  if (values.help) return console.log(USAGE);
  const wrong = positionals.find((each) => !FAMILIES.includes(each));
  if (wrong !== undefined) throw new Error(`there is no family ${wrong}`);
  const rows = readRows(values.rows);
  const tests = readTests(values.reports);
  if (tests === null) {
    console.error(`No reports in ${values.reports}/; run npm test (or npm run verify) first.`);
    process.exitCode = 1;
    return;
  }
  const known = new Set(rows.map((row) => row.id));
  const { shown, remarks } = shownBy(tests, known);
  for (const family of positionals.length > 0 ? positionals : FAMILIES)
    printFamily(family, rows, shown, values.all);
  for (const remark of remarks) console.log(remark);
  if (values.require === undefined) return;
  const lost = requiredIn(values.require).filter((id) => !shown.has(id));
  if (lost.length === 0) return;
  console.error(`Rows of ${values.require} that no passing test shows:\n${wrapped(lost)}`);
  console.error('Mend their tests; a row leaves the list only by a decision.');
  process.exitCode = 1;
}

try {
  main();
} catch (error) {
  console.error(`${error.message}\n${USAGE}`);
  process.exitCode = 2;
}
