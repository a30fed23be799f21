import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { submitFirstIntent } from '../../cli/stack/first-intent.ts';

let server: Server | null = null;
afterEach(() => server?.close());

/** A gateway that knows one event more of the intent each time it is asked. */
async function gateway(status: number, topics: readonly string[]): Promise<string> {
  const timestamp = new Date(Date.now() + 5).toISOString();
  let asked = 0;
  server = createServer((request, response) => {
    const posted = request.method === 'POST';
    response.statusCode = posted ? status : asked === 0 ? 404 : 200;
    const events = topics.slice(0, asked).map((topic) => ({ topic, timestamp }));
    if (!posted) asked += 1;
    response.end(JSON.stringify(posted ? { intent_id: 'one' } : { events }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
}

describe('the first intent', () => {
  it('is followed to its last event', async () => {
    const topics = ['intent.submitted', 'risk.approved', 'plan.created', 'exec.completed'];
    const first = await submitFirstIntent(await gateway(202, topics));
    expect(first).toMatchObject({ intentId: 'one', isComplete: true });
    expect(first.events.map(({ topic }) => topic)).toEqual(topics);
    for (const { ms } of first.events) expect(ms).toBeGreaterThanOrEqual(0);
  });

  it('says what the gateway answered when it was not taken', async () => {
    const url = await gateway(503, []);
    await expect(submitFirstIntent(url)).rejects.toThrow(/POST \/intents .* gave 503/);
  });
});
