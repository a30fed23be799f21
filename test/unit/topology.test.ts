import { describe, expect, it } from 'vitest';
import { EngineError } from '../../engine/errors.ts';
import { buildTopology } from '../../engine/topology.ts';
import { adder, COUNTER, watcher } from '../support/counter.ts';

describe('buildTopology', () => {
  it('computes sources, sinks and consumers', () => {
    const topology = buildTopology(COUNTER);
    expect(topology.sources).toEqual([
      ...['adds', 'totals', 'factors'],
      ...['counter.control', 'counter.redrive'],
    ]);
    expect([...topology.lossySources]).toEqual(['factors']);
    expect(topology.sinks).toEqual(['totals', 'rm.count']);
    expect(topology.consumers.get('count.total')).toEqual([watcher]);
  });

  it('gives another hash when a fused edge changes, and the same when only the order does', () => {
    const hash = buildTopology(COUNTER).edgesHash;
    expect(buildTopology({ ...COUNTER, actors: [watcher, adder] }).edgesHash).toBe(hash);
    expect(buildTopology({ ...COUNTER, actors: [adder] }).edgesHash).not.toBe(hash);
  });

  it('has a hash of the whole graph, which tells versions of states and the order of actors apart', () => {
    const { hash } = buildTopology(COUNTER);
    expect(buildTopology({ ...COUNTER, actors: [...COUNTER.actors] }).hash).toBe(hash);
    const newer = {
      ...watcher,
      state: { ...watcher.state, version: 2, upcast: () => ({ seen: [] }) },
    };
    const others = [
      { ...COUNTER, actors: [watcher, adder] },
      { ...COUNTER, actors: [adder, newer] },
      { ...COUNTER, deployment: 'split' as const },
      { ...COUNTER, onFailure: { policy: 'ladder' as const } },
    ];
    expect(new Set([hash, ...others.map((each) => buildTopology(each).hash)]).size).toBe(5);
  });

  it('lists every problem with its remedy', () => {
    const build = (): unknown =>
      buildTopology({ ...COUNTER, actors: [adder, adder], events: [], references: [] });
    expect(build).toThrow(EngineError);
    expect(build).toThrow(/two actors are named 'adder'[\s\S]*count\.add[\s\S]*add it to 'events'/);
    expect(build).toThrow(/unknown reference 'factor'/);
  });
});
