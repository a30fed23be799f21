import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { AvroCodec, CATALOGUE_RECORDS } from '../../avro/index.ts';
import { goalsOf, judge } from '../../bench/goals.ts';
import { startRawStream } from '../../bench/peers/raw-stream.ts';
import { refuseFewFiles } from '../../bench/stream/crowd.ts';
import { streamFigures, streamLines, streamTable } from '../../bench/stream/report.ts';
import { runStream, type StreamSystem } from '../../bench/stream/run.ts';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { StreamRig, STREAM_PARTITIONS } from '../support/stream-rig.ts';

const PLAN = { idle: 20, listening: 10, framesPerSecond: 200, seconds: 0.5, warmUpSeconds: 0.1 };

let rig: StreamRig;
let twin: Awaited<ReturnType<typeof startRawStream>>;
let system: StreamSystem;

beforeEach(async () => {
  const brokers = [process.env['KAFKA_BROKERS'] ?? ''];
  const kafka = platformaticClient({ brokers, clientId: 'bench-stream' });
  const prefix = `bench-stream-${randomUUID()}.`;
  rig = await StreamRig.start(kafka, prefix);
  const twinTopic = `${prefix}twin`;
  const admin = kafka.admin();
  const settings = { partitions: STREAM_PARTITIONS, replicationFactor: 1, configs: {} };
  await admin.createTopic({ name: twinTopic, ...settings });
  await admin.close();
  twin = await startRawStream({ brokers, topic: twinTopic, port: 0 });
  const codec = AvroCodec.offline({ subjects: CATALOGUE_RECORDS });
  const side = (topic: string, url: string) => {
    return { kafka, codec, partitions: STREAM_PARTITIONS, topic, url };
  };
  system = {
    sides: {
      gateway: side(`${prefix}exec`, rig.url),
      twin: side(twinTopic, `ws://127.0.0.1:${twin.port}`),
    },
    costs: async () => ({}),
  };
});

afterEach(async () => {
  await twin.close();
  await rig.stop();
});

it('the benchmark of the stream times every frame of both sides, each at whom it is for', async () => {
  const report = await runStream(PLAN, system, () => {});
  for (const side of ['gateway', 'twin'] as const) {
    expect(report.latency.own[side].count).toBe(PLAN.framesPerSecond * PLAN.seconds);
    expect(report.latency.common[side].count).toBe(PLAN.framesPerSecond * PLAN.seconds);
    expect(report.latency.own[side].p50).toBeGreaterThan(0);
    expect(report.lateness.own[side].count).toBe(PLAN.framesPerSecond * PLAN.seconds);
  }
  expect(streamLines(report)).toHaveLength(8);
  expect(streamTable(report)).toContain('beside 20 that wait');
  // Neither is a process of its own here: what was not measured meets no goal.
  const verdicts = judge(goalsOf('stream'), streamFigures(report));
  expect(verdicts.map(({ value }) => value === null)).toEqual([false, false, true]);
  expect(verdicts.at(-1)?.isMet).toBe(false);
});

it('the benchmark of the stream is void when frames come to others, and says how to allow more files', async () => {
  // The gateway's clients are given what is meant for the twin's topic: nobody gets it.
  const { gateway, twin: raw } = system.sides;
  const crossed = { gateway: { ...gateway, topic: raw.topic }, twin: raw };
  const run = runStream({ ...PLAN, seconds: 0.25 }, { ...system, sides: crossed }, () => {}, 1_000);
  await expect(run).rejects.toThrow(/frames came in time: the run is void/);
  expect(() => refuseFewFiles(1e9)).toThrow(/ulimit -n/);
});
