import { describe, expect, it } from 'vitest';
import { AvroCodec, moduleRecords } from '../../avro/index.ts';
import { checkOutputs, type Expected, type ReadTopic } from '../../bench/chain/check.ts';
import * as count from '../../bench/chain/count-topology.ts';
import {
  chainLines,
  type ChainReport,
  flatOutRows,
  latencyRows,
} from '../../bench/chain/report.ts';
import * as chain from '../../bench/chain/topology.ts';
import { InputMaker, inputOf, type Shape, traceOf, WORKS } from '../../bench/chain/work.ts';
import { driveModule } from '../../testing/drive-module.ts';

const INPUTS = 4;
const SHAPE: Shape = { valueBytes: 250, keys: 2, hot: false, partitions: 1, work: 'chain' };
const OUTPUTS = WORKS.chain.slice(1);

/** Topics with the outputs of four inputs of two keys, one topic's changed; `count` is what each output says. */
function logWith(
  changed: string,
  change: (inputs: number[]) => number[],
  counted: (input: number) => number = () => Number.NaN,
): ReadTopic {
  return async (topic, take) => {
    const whole = Array.from({ length: INPUTS }, (_, input) => input);
    const inputs = topic === changed ? change(whole) : whole;
    for (const [offset, input] of inputs.entries())
      take({
        ...{ topic, partition: 0, offset, leaderEpoch: 0, timestampMs: 100 - offset },
        key: Buffer.from(`key-${input % 2}`),
        value: Buffer.from('x'),
        headers: { traceparent: traceOf(input), count: String(counted(input)) },
      });
  };
}

const expected = (more: Partial<Expected> = {}): Expected => ({
  ...{ topics: OUTPUTS, made: INPUTS, duplicates: 'none', ...more },
});

describe('the inputs of a chain', () => {
  const made = (module: typeof chain | typeof count) => {
    const driver = driveModule(module);
    const maker = new InputMaker(AvroCodec.offline(moduleRecords(module)), SHAPE, '');
    for (let input = 0; input < INPUTS; input++) {
      const { topic, key, value, headers } = maker.next();
      driver.publishRaw({ topic, key, value, headers });
    }
    return driver;
  };

  it('K-12 are named by all that this system makes of them', () => {
    const driver = made(chain);
    for (const topic of OUTPUTS)
      expect(driver.on(topic).map(({ headers }) => inputOf(headers))).toEqual([0, 1, 2, 3]);
    expect(made(count).on('chain.counted')).toMatchObject(
      [1, 1, 2, 2].map((times) => ({ value: { payload: { count: times } } })),
    );
  });

  it('K-12 are none where no trace is', () => {
    expect(inputOf({})).toBeNaN();
  });
});

describe('the check of outputs', () => {
  it('K-12 passes when every output is there once and in order', async () => {
    const { appendedAt, copies } = await checkOutputs(
      expected(),
      logWith('', (inputs) => inputs),
    );
    expect(appendedAt).toEqual([97, 98, 99, 100]);
    expect(copies).toBe(0);
  });

  it.each([
    ['a lost output', () => [0, 1, 2], 'has input 3 0 times'],
    ['a doubled output', () => [0, 1, 2, 3, 3], 'has input 3 2 times'],
    ['outputs of a key in another order', () => [2, 1, 0, 3], 'input 0 of key-0 after a later one'],
    ['an output of nothing', () => [0, 1, 2, 3, 9], 'has an output of nothing'],
  ])('K-12 voids a run with %s', async (_what, change, fault) => {
    for (const topic of OUTPUTS)
      await expect(checkOutputs(expected(), logWith(topic, change))).rejects.toThrow(fault);
  });

  it('K-12 counts copies where they are a figure, and still wants the first ones in order', async () => {
    const counting = expected({ duplicates: 'count' });
    const twice = logWith(OUTPUTS[0] ?? '', () => [0, 1, 2, 1, 3, 3]);
    expect((await checkOutputs(counting, twice)).copies).toBe(2);
    const late = logWith(OUTPUTS[0] ?? '', () => [0, 3, 2, 1]);
    await expect(checkOutputs(counting, late)).rejects.toThrow('input 1 of key-1 after a later');
  });

  it('K-12 voids a run that counts wrongly', async () => {
    const countOf: Expected['countOf'] = ({ headers }) => Number(headers['count']);
    const right = logWith(
      '',
      (inputs) => inputs,
      (input) => Math.floor(input / 2) + 1,
    );
    await checkOutputs(expected({ countOf }), right);
    const forgot = logWith(
      '',
      (inputs) => inputs,
      () => 1,
    );
    await expect(checkOutputs(expected({ countOf }), forgot)).rejects.toThrow(
      'counts 1 where key-0 is handled for time 2',
    );
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
    plan: { shape: SHAPE, rounds: 3 },
    latency: [phase('a', 1, 5), phase('a', 2, 90), phase('a', 3, 6), phase('twin', 1, 2)],
    flatOut: [flat('a', 100), flat('twin', 400)],
    systems: [{ name: 'a', what: 'a system' }],
    leavesOut: ['the network'],
  } as unknown as ChainReport;

  it('K-12 takes the median of the rounds, so that one disturbed round does not decide', () => {
    expect(latencyRows(report).map(({ system, p50 }) => [system, p50])).toEqual([
      ['a', 6],
      ['twin', 2],
    ]);
    expect(flatOutRows(report)[0]).toMatchObject({ system: 'a', inputsPerSecond: 100 });
  });

  it('K-12 shows each system beside the floor of the same run, what it is, and what is left out', () => {
    const text = chainLines(report).join('\n');
    expect(text).toContain('3.00×');
    expect(text).toContain('0.25×');
    expect(text).toContain('- a: a system');
    expect(text).toContain('the network');
  });
});
