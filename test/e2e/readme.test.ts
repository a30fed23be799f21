import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ROOT } from '../../cli/stack/programs.ts';
import { eventually } from '../support/eventually.ts';
import { startSystem, type System } from './system-fixture.ts';

const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const GATEWAY = '127.0.0.1:3000';

let system: System;

beforeAll(async () => {
  system = await startSystem('readme');
}, 60_000);

afterAll(async () => {
  await system?.stop();
});

/** The only shell snippet of the README with this text in it, against the gateway of the test. */
function snippet(text: string): string {
  const blocks = [...README.matchAll(/```sh\n([^]*?)```/g)].map(([, block = '']) => block);
  const found = blocks.filter((block) => block.includes(text));
  expect(found.length).toBe(1);
  return (found[0] as string).replaceAll(GATEWAY, new URL(system.url).host);
}

/** Lines of a snippet's output, as they come. */
function run(
  script: string,
  env: NodeJS.ProcessEnv = process.env,
): { readonly lines: string[]; end(): Promise<void> } {
  const child = spawn('bash', ['-c', script], {
    cwd: ROOT,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  const exit = once(child, 'exit');
  return {
    lines,
    end: async () => {
      if (child.exitCode === null) process.kill(-(child.pid as number), 'SIGTERM');
      await exit;
    },
  };
}

it('B-105 the snippets of the README submit an intent and watch it, as they are written', async () => {
  const watching = run(snippet('new WebSocket'));
  try {
    await eventually('it is subscribed', () => watching.lines.length > 0, 60_000);
    expect(JSON.parse(watching.lines[0] ?? '')).toMatchObject({ type: 'subscribed' });
    const submitting = run(snippet('3000/intents'));
    await eventually('it is answered', () => submitting.lines.length > 0);
    await submitting.end();
    const { intent_id: intentId } = JSON.parse(submitting.lines[0] ?? '') as { intent_id: string };
    const own = (): readonly string[] =>
      watching.lines.filter((line) => line.includes(`intent-${intentId}`));
    await eventually('its events came', () => own().length === 8);
    expect(own().some((line) => line.includes('exec.completed'))).toBe(true);
  } finally {
    await watching.end();
  }
});

it('S-36 the snippet of the README for bots stores an event and reports it', async () => {
  const running = run(snippet('/bots/events'), { ...process.env, ...system.env });
  try {
    await eventually('it is answered', () => running.lines.length > 0);
    expect(JSON.parse(running.lines[0] ?? '')).toEqual({
      accepted: 1,
      duplicates: 0,
      rejected: [],
    });
    await eventually('it is reported', () => running.lines.some((line) => /^total/.test(line)));
  } finally {
    await running.end();
  }
  await eventually('it is stored', async () => {
    const answer = await fetch(`${system.url}/bots/report?instance=bot1`);
    const report = (await answer.json()) as { readonly total: { readonly stored: number } };
    return report.total.stored === 1;
  });
});
