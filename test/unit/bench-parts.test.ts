import { expect, it } from 'vitest';
import { partsTable, runParts } from '../../bench/parts/run.ts';

it('K-12 divides what an input costs among its parts, this system and the client library on the same bytes', async () => {
  const told: string[] = [];
  const report = await runParts({ inputs: 800, rounds: 1, warmUp: 400 }, (line) => told.push(line));
  expect(Object.keys(report.parts)).toEqual([
    ...['read', 'read, library', 'handle', 'journal', 'store', 'publish', 'publish, library'],
  ]);
  for (const us of Object.values(report.parts)) expect(us).toBeGreaterThan(0);
  expect(told).toEqual(['400 inputs to warm up', '800 inputs, round 1']);
  for (const [part, us] of Object.entries(report.parts))
    expect(partsTable(report)).toMatch(new RegExp(`\\| ${part} \\|.*\\| ${us.toFixed(1)} \\|`));
});
