import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { createMetrics } from '../../apps/metrics.ts';

const DOCUMENT = new URL('../../docs/reference/interfaces.md', import.meta.url);

/** Names with their labels as docs/reference/interfaces.md has them under Metrics. */
function documented(): ReadonlyMap<string, readonly string[]> {
  const [, section = ''] =
    /^## Metrics\n([^]*?)(?=^## |$(?![^]))/m.exec(readFileSync(DOCUMENT, 'utf8')) ?? [];
  const found = section.matchAll(/`((?:millrace|intents?)_\w+)(?:\{([\w,]+)\})?`/g);
  return new Map([...found].map(([, name = '', labels]) => [name, labels?.split(',') ?? []]));
}

it('B-82 B-83 B-84 serves every metric of the interface by its name, with its labels', async () => {
  const { registry } = createMetrics();
  const text = await registry.metrics();
  const names = documented();
  expect(names.size).toBeGreaterThanOrEqual(20);
  for (const [name, labels] of names) {
    const metric = registry.getSingleMetric(name) as { labelNames?: string[] } | undefined;
    expect([name, metric?.labelNames]).toEqual([name, labels]);
    expect(text).toContain(`# TYPE ${name} `);
  }
});

it('B-82 documents every metric of its own that it serves', () => {
  const names = documented();
  const served = createMetrics().registry.getMetricsAsArray();
  const own = served.map(({ name }) => name).filter((name) => /^(millrace|intents?)_/.test(name));
  expect(own.filter((name) => !names.has(name))).toEqual([]);
});

it('B-83 shows both ends of an intent from the start', async () => {
  const { registry, intentsCompleted } = createMetrics();
  intentsCompleted.inc({ status: 'failed' });
  const text = await registry.metrics();
  expect(text).toMatch(/^intents_completed\{status="completed"\} 0$/m);
  expect(text).toMatch(/^intents_completed\{status="failed"\} 1$/m);
});

it('adds up the parked keys of all tasks', async () => {
  const { registry, parkedKeys } = createMetrics();
  parkedKeys.set({ application: 'a', partition: 0 }, 2);
  parkedKeys.set({ application: 'a', partition: 1 }, 3);
  parkedKeys.set({ application: 'b', partition: 0 }, 4);
  parkedKeys.set({ application: 'a', partition: 1 }, 0);
  expect(await registry.metrics()).toMatch(/^millrace_parked_keys 6$/m);
});

it('keeps two registries apart', async () => {
  const [one, other] = [createMetrics(), createMetrics()];
  one.intentsSubmitted.inc();
  expect(await other.registry.metrics()).toMatch(/^intents_submitted 0$/m);
});
