import { describe, expect, it } from 'vitest';
import { AvroCodec, moduleRecords } from '../../avro/index.ts';
import { checkChain } from '../../bench/chain/check.ts';
import {
  chainLines,
  type ChainReport,
  flatOutRows,
  latencyRows,
} from '../../bench/chain/report.ts';
import * as chain from '../../bench/chain/topology.ts';
import { CHAIN_TOPICS, InputMaker, inputOf, traceOf } from '../../bench/chain/work.ts';
import { driveModule } from '../../testing/drive-module.ts';
import { MemoryKafka } from '../../testing/memory-kafka.ts';

const PREFIX = 'p.';
const INPUTS = 4;

/** The chain of four inputs of two keys, with one topic's records changed. */
async function logWith(
  topic: string,
  change: (inputs: number[]) => number[],
): Promise<MemoryKafka> {
  const kafka = new MemoryKafka();
  for (const name of CHAIN_TOPICS) {
    const settings = { partitions: 1, replicationFactor: 1, configs: {} };
    await kafka.admin().createTopic({ name: PREFIX + name, ...settings });
    const whole = Array.from({ length: INPUTS }, (_, input) => input);
    const inputs = name === topic ? change(whole) : whole;
    await kafka.producer().send(
      inputs.map((input) => ({
        topic: PREFIX + name,
        partition: 0,
        key: Buffer.from(`key-${input % 2}`),
        value: Buffer.from('x'),
        headers: { traceparent: traceOf(input) },
      })),
    );
  }
  return kafka;
}

describe('the inputs of a chain', () => {
  it('K-12 are named by all that this system makes of them', () => {
    const codec = AvroCodec.offline(moduleRecords(chain));
    const driver = driveModule(chain);
    const maker = new InputMaker(codec, { valueBytes: 250, keys: 2 }, '');
    for (let input = 0; input < INPUTS; input++) {
      const { topic, key, value, headers } = maker.next();
      driver.publishRaw({ topic, key, value, headers });
    }
    const named = CHAIN_TOPICS.slice(1).map((topic) =>
      driver.on(topic).map(({ headers }) => inputOf(headers)),
    );
    expect(named).toEqual([
      [0, 1, 2, 3],
      [0, 1, 2, 3],
      [0, 1, 2, 3],
    ]);
  });

  it('K-12 are none where no trace is', () => {
    expect(inputOf({})).toBeNaN();
  });
});

describe('the check of a chain', () => {
  it('K-12 passes when every output is there once and in order', async () => {
    const kafka = await logWith('', (inputs) => inputs);
    expect(await checkChain(kafka, PREFIX, INPUTS)).toHaveLength(INPUTS);
  });

  it.each([
    ['a lost output', () => [0, 1, 2], 'has input 3 0 times'],
    ['a doubled output', () => [0, 1, 2, 3, 3], 'has input 3 2 times'],
    [
      'outputs of a key in another order',
      () => [2, 1, 0, 3],
      'input 0 of key-0 stands after a later one',
    ],
    ['an output of nothing', () => [0, 1, 2, 3, 9], 'has an output of nothing'],
  ])('K-12 voids a run with %s', async (_what, change, fault) => {
    for (const topic of CHAIN_TOPICS.slice(1)) {
      const kafka = await logWith(topic, change);
      await expect(checkChain(kafka, PREFIX, INPUTS)).rejects.toThrow(fault);
    }
  });
});

describe('the report of a chain', () => {
  const cost = { cpuMsPerThousand: 1, brokerCpuMsPerThousand: 2, otherCpuMs: 3, rssMiB: 4 };
  const phase = (system: string, round: number, p50: number) => ({
    ...{ system, rate: 100, round, p50, count: 1, mean: 1, p90: 1, p95: 1, p99: 9, max: 10 },
    ...cost,
  });
  const flat = (system: string, inputsPerSecond: number) => ({
    ...{ system, round: 1, inputsPerSecond, startMs: 1 },
    ...cost,
  });
  const report = {
    plan: { shape: { valueBytes: 250, keys: 10 }, rounds: 3 },
    latency: [phase('a', 1, 5), phase('a', 2, 90), phase('a', 3, 6), phase('twin', 1, 2)],
    flatOut: [flat('a', 100), flat('twin', 400)],
    leavesOut: ['the network'],
  } as unknown as ChainReport;

  it('K-12 takes the median of the rounds, so that one disturbed round does not decide', () => {
    expect(latencyRows(report).map(({ system, p50 }) => [system, p50])).toEqual([
      ['a', 6],
      ['twin', 2],
    ]);
    expect(flatOutRows(report)[0]).toMatchObject({ system: 'a', inputsPerSecond: 100 });
  });

  it('K-12 shows each system beside the floor of the same run, and what is left out', () => {
    const text = chainLines(report).join('\n');
    expect(text).toContain('3.00×');
    expect(text).toContain('0.25×');
    expect(text).toContain('the network');
  });
});
