// Reads the reports under test-results/: vitest's JSON and JUnit's XML (pytest and others).
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Every test in the reports of a folder, as {name, status: 'passed' | 'failed' | 'skipped', why}; null: no report there.
 * `why` is what a failed test said, '' for the others.
 */
export function readTests(folder) {
  const files = existsSync(folder) ? readdirSync(folder).sort() : [];
  const reports = files.filter((file) => /\.(json|xml)$/.test(file));
  if (reports.length === 0) return null;
  return reports.flatMap((file) => {
    const text = readFileSync(join(folder, file), 'utf8');
    return file.endsWith('.json') ? fromVitest(JSON.parse(text), file) : fromJunit(text);
  });
}

const STATUS = { passed: 'passed', failed: 'failed' };

function fromVitest(report, file) {
  return (report.testResults ?? []).flatMap((suite) => {
    const tests = suite.assertionResults.map((test) => ({
      name: test.fullName,
      status: STATUS[test.status] ?? 'skipped',
      why: (test.failureMessages ?? []).join('\n'),
    }));
    // A file that could not even be loaded has no tests, and must not pass for that.
    const broken = suite.status === 'failed' && !tests.some((test) => test.status === 'failed');
    const name = `${suite.name ?? file} (file)`;
    return broken ? [...tests, { name, status: 'failed', why: suite.message ?? '' }] : tests;
  });
}

function fromJunit(text) {
  return [...text.matchAll(/<testcase\b([^>]*?)(\/>|>([\s\S]*?)<\/testcase>)/g)].map((match) => ({
    name: /\bname="([^"]*)"/.exec(match[1])?.[1] ?? '',
    status: statusOf(match[3] ?? ''),
    why: /<(?:failure|error)\b[^>]*>([\s\S]*?)<\//.exec(match[3] ?? '')?.[1] ?? '',
  }));
}

function statusOf(body) {
  if (/<(failure|error)\b/.test(body)) return 'failed';
  return /<skipped\b/.test(body) ? 'skipped' : 'passed';
}
