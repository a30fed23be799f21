import { describe, expect, it } from 'vitest';
import {
  bestOf,
  nextSettings,
  scoreOf,
  type TriedSettings,
} from '../../bench/chain/streams-settings.ts';
import { type StreamsSettings, SYSTEMS } from '../../bench/chain/systems.ts';
import kept from '../../bench/results/streams-settings.json' with { type: 'json' };

const COMMITS = [10, 20];

/** Searches to the end, where a setting takes as long as `score` says. */
function searched(score: (settings: StreamsSettings) => number): readonly TriedSettings[] {
  const tried: TriedSettings[] = [];
  for (;;) {
    const next = nextSettings(tried, COMMITS);
    if (next.length === 0) return tried;
    for (const settings of next) tried.push({ settings, phases: [], score: score(settings) });
  }
}

describe('the search for the best setting of Kafka Streams', () => {
  it('K-12 goes from the best commit interval to each change of it, and to all together that helped', () => {
    const tried = searched(
      ({ COMMIT_MS, LINGER_MS, POLL_MS, THREADS }) =>
        Number(COMMIT_MS) +
        (LINGER_MS === '5' ? -2 : 0) +
        (POLL_MS === '1' ? -1 : 0) +
        Number(THREADS),
    );
    const one = { COMMIT_MS: '10', LINGER_MS: '0', POLL_MS: '5', THREADS: '1' };
    expect(tried.map(({ settings }) => settings)).toEqual([
      one,
      { ...one, COMMIT_MS: '20' },
      { ...one, THREADS: '2' },
      { ...one, LINGER_MS: '5' },
      { ...one, LINGER_MS: '100', POLL_MS: '100' },
      { ...one, POLL_MS: '1' },
      { ...one, LINGER_MS: '5', POLL_MS: '1' },
    ]);
    expect(bestOf(tried)).toBe(tried.at(-1));
  });

  it('K-12 ends where not two changes helped', () => {
    const tried = searched(({ COMMIT_MS, THREADS }) => Number(COMMIT_MS) - Number(THREADS));
    expect(tried).toHaveLength(6);
    expect(bestOf(tried).settings).toMatchObject({ COMMIT_MS: '10', THREADS: '2' });
  });

  it('K-12 counts twice as much of any figure alike', () => {
    expect(scoreOf([{ p50: 2, p99: 8 }])).toBe(4);
    expect(scoreOf([{ p50: 4, p99: 8 }])).toBe(scoreOf([{ p50: 2, p99: 16 }]));
  });

  it('K-12 is what the peer at its best is run with', () => {
    expect(kept.best).toEqual(bestOf(kept.tried as unknown as TriedSettings[]).settings);
    expect(SYSTEMS['streams-eos-fast']?.settings).toMatchObject(kept.best);
    expect(new Set(kept.tried.map(({ settings }) => settings.COMMIT_MS)).size).toBeGreaterThan(3);
  });
});
