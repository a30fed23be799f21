import { readdir, readFile } from 'node:fs/promises';
import { Agent, request, type ClientRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { BadInput } from '../support/bad-input.ts';
import { eventually } from '../support/eventually.ts';
import { schemathesis } from '../support/schemathesis.ts';
import { ORDER, SystemClient } from './system-client.ts';
import { startSystem, type System } from './system-fixture.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem('limits', { separate: true });
}, 90_000);
afterAll(() => system?.stop());

describe('a gateway on a running system', () => {
  it('B-24 answers as its API document says, whatever it is asked', async () => {
    const { code, text } = await schemathesis(system.url);
    expect(code, text).toBe(0);
  }, 90_000);

  it('B-37 B-38 names what is wrong with each request, and keeps nothing of it', async () => {
    const bad = new BadInput(system.url);
    // What is allocated once is there after this.
    await bad.everything();
    const before = await held();
    for (let round = 0; round < 6; round += 1) await bad.everything();
    expect((await fetch(`${system.url}/livez`)).status).toBe(200);
    await eventually(
      'handles are closed',
      async () => (await held()).handles <= before.handles + 3,
    );
    // Bodies of 24 rounds would be 240 MB, and subscriptions of six rounds 54 MB.
    expect((await held()).rssBytes - before.rssBytes).toBeLessThan(100_000_000);
  }, 120_000);

  it('B-24 B-30 ends with every request answered, each 202 on the log, and the position told', async () => {
    const socket = new WebSocket(`${system.url.replace('http', 'ws')}/stream`);
    const frames: { type: string; position: string }[] = [];
    const closed = Promise.withResolvers<{ code: number; reason: string }>();
    socket.on('open', () => socket.send('{"type":"subscribe","topics":["exec.*"]}'));
    socket.on('message', (data) => frames.push(JSON.parse(String(data)) as (typeof frames)[0]));
    socket.on('close', (code, reason) => closed.resolve({ code, reason: reason.toString() }));
    await eventually('it is subscribed', () => frames.length > 0);
    const agent = new Agent({ keepAlive: true });
    const posts = Array.from({ length: 40 }, () => openPost(agent));
    await Promise.all(posts.map(({ begun }) => begun));
    const ended = system.terminate('gateway');
    expect((await closed.promise).code).toBe(1001);
    await eventually('nothing new is taken', () =>
      fetch(`${system.url}/livez`).then(
        () => false,
        () => true,
      ),
    );
    const answers = await Promise.all(posts.map(({ finish }) => finish()));
    expect(answers.map(({ status }) => status)).toEqual(posts.map(() => 202));
    expect(await ended).toBe(0);
    expect((await closed.promise).reason).toBe(frames.at(-1)?.position);
    const { brokers } = system.config.kafka;
    const client = new SystemClient(system, platformaticClient({ brokers, clientId: 'limits' }));
    const records = await client.readTopic(system.names.physical('intents'));
    const keys = new Set(records.map(({ key }) => String(key)));
    expect(answers.filter(({ id }) => !keys.has(`intent-${id}`))).toEqual([]);
    await system.start('gateway');
  }, 120_000);
});

async function held(): Promise<{ readonly rssBytes: number; readonly handles: number }> {
  const folder = `/proc/${system.pid('gateway')}`;
  const status = await readFile(`${folder}/status`, 'utf8');
  const kibibytes = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
  return { rssBytes: kibibytes * 1024, handles: (await readdir(`${folder}/fd`)).length };
}

interface OpenPost {
  /** The gateway has read its headers and waits for the rest of it. */
  readonly begun: Promise<void>;
  finish(): Promise<{ readonly status: number | undefined; readonly id: string }>;
}

function openPost(agent: Agent): OpenPost {
  const body = JSON.stringify(ORDER);
  const headers = {
    'content-type': 'application/json',
    'content-length': body.length,
    expect: '100-continue',
  };
  const made: ClientRequest = request(`${system.url}/intents`, { method: 'POST', agent, headers });
  const begun = new Promise<void>((resolve, reject) => {
    made.once('continue', () => resolve());
    made.once('error', reject);
  });
  const answered = new Promise<{ status: number | undefined; id: string }>((resolve, reject) => {
    made.once('error', reject);
    made.once('response', (response) => {
      let text = '';
      response.on('data', (data: Buffer) => (text += data.toString()));
      response.on('end', () => {
        const { intent_id: id = '' } = JSON.parse(text) as { intent_id?: string };
        resolve({ status: response.statusCode, id });
      });
    });
  });
  made.flushHeaders();
  return {
    begun,
    finish: () => {
      made.end(body);
      return answered;
    },
  };
}
