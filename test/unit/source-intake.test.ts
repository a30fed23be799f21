import { describe, expect, it } from 'vitest';
import { HEADER } from '../../engine/event.ts';
import { formatOrigin } from '../../engine/origin.ts';
import { buildTopology } from '../../engine/topology.ts';
import { SourceIntake } from '../../kafka/source-intake.ts';
import type { TaskSurroundings } from '../../kafka/task-runner.ts';
import type { TermMode } from '../../kafka/term-options.ts';
import { TopicNames } from '../../kafka/topic-names.ts';
import { COUNTER } from '../support/counter.ts';

const TOPIC = 'p.totals';
const OWN = {
  [HEADER.origin]: formatOrigin({ application: 'counter', task: 2, n: 7, index: 0 }),
  [HEADER.fused]: 'counter/watcher',
};

function intakeOf(mode: TermMode = 'normal', deployment: 'fused' | 'split' = 'fused') {
  const topology = buildTopology({ ...COUNTER, deployment });
  const surroundings = { topology, names: new TopicNames('p.'), observer: {} };
  return new SourceIntake({
    surroundings: surroundings as unknown as TaskSurroundings,
    ...{ partition: 2, mode, onNews: () => {} },
    onLost: () => {},
  });
}

/** Whether others are heard on the topic once a record with these headers has come from there. */
function hearsAfter(...headers: readonly Readonly<Record<string, string>>[]): boolean {
  const intake = intakeOf();
  const place = { topic: TOPIC, partition: 2, leaderEpoch: 0, timestampMs: 0 };
  const records = headers.map((own, offset) => ({
    ...{ ...place, offset, key: null, value: null, headers: own },
  }));
  // The fetcher's topic ids are those of the opened sources; none is opened here.
  intake.deliver(TOPIC, undefined as unknown as string, records);
  return intake.hearsOthers(TOPIC);
}

describe('the sources of a task', () => {
  it('K-12 lets gather what the task has written and handled itself, and nothing else', () => {
    const intake = intakeOf();
    expect(intake.paceOf(TOPIC)).toBe('echo');
    expect(intake.paceOf('p.adds')).toBe('usual');
    expect(intakeOf('drain').paceOf(TOPIC)).toBe('usual');
    expect(intakeOf('drained').paceOf(TOPIC)).toBe('echo');
    // There the records of the other actors come back to be handled.
    expect(intakeOf('normal', 'split').paceOf(TOPIC)).toBe('usual');
  });

  it.each([
    { what: 'nothing', headers: [], heard: false },
    { what: 'its own', headers: [OWN, OWN], heard: false },
    { what: 'a foreign producer’s', headers: [OWN, {}], heard: true },
    { what: 'its own of another graph', headers: [{ ...OWN, [HEADER.fused]: '' }], heard: true },
    {
      what: 'another task’s',
      headers: [{ ...OWN, [HEADER.origin]: 'counter/3/7/0' }],
      heard: true,
    },
    {
      what: 'another application’s',
      headers: [{ ...OWN, [HEADER.origin]: 'other/2/7/0' }],
      heard: true,
    },
  ])('K-12 hears others where $what has come: $heard', ({ headers, heard }) => {
    expect(hearsAfter(...headers)).toBe(heard);
  });
});
