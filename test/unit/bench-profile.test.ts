import { describe, expect, it } from 'vitest';
import { type CpuProfile, profileTable, sharesOf } from '../../bench/chain/profile.ts';

/** Frames in the order of their ids from 1 on, each below the one that `under` names; 0: none. */
const FRAMES: readonly { name: string; url?: string; under: number }[] = [
  { name: '(root)', under: 0 },
  { name: '(idle)', under: 1 },
  { name: '(garbage collector)', under: 1 },
  { name: '#append', url: 'file:///x/kafka/term.ts', under: 1 },
  { name: 'send', url: 'file:///x/kafka/platformatic/producer.ts', under: 4 },
  { name: 'write', url: 'node:net', under: 5 },
  { name: 'writeBuffer', under: 6 },
  { name: 'decide', url: 'file:///x/engine/decide.ts', under: 4 },
  { name: 'hash', url: '', under: 8 },
  { name: 'write', url: 'file:///x/node_modules/lmdb/write.js', under: 4 },
  { name: '(program)', under: 1 },
];

function profileOf(...samples: readonly (readonly [id: number, us: number])[]): CpuProfile {
  return {
    nodes: FRAMES.map(({ name, url = '' }, index) => ({
      id: index + 1,
      callFrame: { functionName: name, url },
      children: FRAMES.flatMap(({ under }, child) => (under === index + 1 ? [child + 1] : [])),
    })),
    endTime: 10_000 + samples.reduce((sum, [, us]) => sum + us, 0),
    samples: samples.map(([id]) => id),
    timeDeltas: samples.map(([, us]) => us),
  };
}

describe('K-12 the profile of a worker', () => {
  it('counts what a thread did by the nearest frame that says it, and not what it waited', () => {
    const samples = [
      ...[[2, 500] as const, [3, 50] as const, [4, 100] as const, [5, 50] as const],
      ...[[7, 150] as const, [9, 100] as const, [10, 30] as const, [11, 20] as const],
    ];
    const { busy, shares } = sharesOf(profileOf(...samples), { behindUs: 0, lengthUs: 1_000 });
    expect(busy).toBe(0.5);
    expect(Object.fromEntries(Object.entries(shares).filter(([, share]) => share > 0))).toEqual({
      ...{ collect: 0.1, task: 0.2, produce: 0.1, socket: 0.3, handle: 0.2, store: 0.06 },
      rest: 0.04,
    });
  });

  it('leaves out what came before the window and after it', () => {
    const profile = profileOf([8, 400], [8, 100], [3, 100], [8, 300]);
    const { busy, shares } = sharesOf(profile, { behindUs: 300, lengthUs: 200 });
    expect(busy).toBe(1);
    expect([shares.handle, shares.collect]).toEqual([0.5, 0.5]);
  });

  it('shows the largest part first', () => {
    const { busy, shares } = sharesOf(profileOf([7, 600], [8, 400]), {
      ...{ behindUs: 0, lengthUs: 2_000 },
    });
    const report = {
      ...{ busy, shares, at: '2026-01-01T00:00:00Z', commit: 'abc' },
      machine: { cores: 2, cpu: 'cpu', loadBefore: 0 },
      plan: {
        rate: 1_000,
        secondsPerPhase: 30,
        shape: { valueBytes: 250, keys: 1, partitions: 4 },
      },
      phase: { cpuMsPerThousand: 300.4, brokerCpuMsPerThousand: 200, p50: 4.25 },
    } as unknown as Parameters<typeof profileTable>[0];
    const lines = profileTable(report).split('\n');
    expect(lines[2]).toMatch(/sockets.*\| 60 % \|$/);
    expect(lines[3]).toMatch(/handlers.*\| 40 % \|$/);
    expect(lines.at(-1)).toContain('had work for 50 % of the time, the process took 300 ms');
  });
});
