import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { commandNames } from '../../cli/main.ts';
import { ROOT } from '../../cli/stack/programs.ts';

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const GUIDE = read('docs/guides/operations.md');

/** First cells of the guide's tables, those with several names split. */
const ROWS = [...GUIDE.matchAll(/^\| ([\w, ]+) \|/gm)].flatMap(([, cell = '']) => cell.split(', '));

it('the guide has a row for every finding of doctor', () => {
  const [, list = ''] = /readonly code:([^;]*);/.exec(read('cli/doctor/finding.ts')) ?? [];
  const codes = [...list.matchAll(/'(\w+)'/g)].map(([, code = '']) => code);
  expect(codes.length).toBeGreaterThan(10);
  expect(codes.filter((code) => !ROWS.includes(code))).toEqual([]);
});

it('the guide has a row for every alert', () => {
  const { groups } = parse(read('deploy/prometheus/alerts.yml')) as {
    readonly groups: readonly { readonly rules: readonly { readonly alert: string }[] }[];
  };
  const alerts = groups.flatMap(({ rules }) => rules.map(({ alert }) => alert));
  expect(alerts.filter((alert) => !ROWS.includes(alert))).toEqual([]);
});

it('the guide names only commands that there are', () => {
  const named = [...GUIDE.matchAll(/millrace ([a-z]+(?:-[a-z]+)*)/g)].map(([, name = '']) => name);
  expect(named.filter((name) => !commandNames().includes(name))).toEqual([]);
});
