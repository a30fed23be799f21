import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  AvroCodec,
  BOT_RECORDS,
  CATALOGUE_RECORDS,
  checkSubject,
  envelope,
  journalRecords,
  loadSchemas,
  type NamedSchema,
  registerSubject,
  type SchemaField,
  SchemaRegistry,
  subjectOf,
} from '../../avro/index.ts';
import { runCommand } from '../../cli/main.ts';

const SUBJECTS = [...CATALOGUE_RECORDS, ...journalRecords('planner.workers')];
const SUBMITTED = 'millrace.trading.v1.IntentSubmitted';

let url = '';
let registry: SchemaRegistry;

beforeAll(() => {
  url = process.env['SCHEMA_REGISTRY_URL'] ?? '';
  if (url === '') throw new Error('SCHEMA_REGISTRY_URL is not set; the set-up starts a registry');
  registry = new SchemaRegistry({ url });
});

/** A prefix of its own per test: subjects are never deleted. */
function freshPrefix(): string {
  return `t-${randomUUID().slice(0, 8)}.`;
}

function start(topicPrefix: string): Promise<AvroCodec> {
  return AvroCodec.start({ registryUrl: url, subjects: SUBJECTS, topicPrefix });
}

function submitted() {
  return envelope(
    'intent.submitted',
    {
      intentId: 'i',
      strategyId: 's',
      base: 'WETH',
      quote: 'USDC',
      amount_in: '1.000000000000000001',
      notional_usd: '1',
      max_slippage: '0',
      priority: 5,
      metadata: null,
    },
    { correlationId: 'intent-550e8400-e29b-41d4-a716-446655440000', sequence: 1 },
  );
}

function recordOf(...fields: readonly unknown[]): string {
  return JSON.stringify({ type: 'record', name: 'Thing', namespace: 'test.v1', fields });
}

const A = { name: 'a', type: 'string' };
const B_REQUIRED = { name: 'b', type: 'int' };
const B_DEFAULT = { name: 'b', type: 'int', default: 7 };

describe('schemas in the registry', () => {
  it('K-07 stand under their topic and record, and their ids stand in the bytes', async () => {
    const prefix = freshPrefix();
    const codec = await start(prefix);
    // Asked one by one: the registry lists its first 1,000 subjects and no more.
    const names = SUBJECTS.map((record) => subjectOf(record, prefix));
    const found = await Promise.all(names.map((name) => registry.latest(name)));
    expect(names.filter((_, at) => found[at] === null)).toEqual([]);
    const bytes = Buffer.from(codec.encode('intents', SUBMITTED, submitted()));
    expect(bytes[0]).toBe(0);
    const text = await registry.schemaById(bytes.readUInt32BE(1));
    expect(JSON.parse(text)).toMatchObject({ name: 'IntentSubmitted' });
  });

  it('K-07 keep their ids over the next start, and old bytes are read', async () => {
    const prefix = freshPrefix();
    const first = await start(prefix);
    const bytes = first.encode('intents', SUBMITTED, submitted());
    const second = await start(prefix);
    for (const { topic, record } of SUBJECTS) {
      expect(second.idOf(topic, record)).toBe(first.idOf(topic, record));
    }
    expect(second.decode(bytes).record).toBe(SUBMITTED);
  });

  it('take several processes that start at once', async () => {
    const prefix = freshPrefix();
    const codecs = await Promise.all([1, 2, 3, 4].map(() => start(prefix)));
    for (const { topic, record } of SUBJECTS) {
      expect(new Set(codecs.map((codec) => codec.idOf(topic, record))).size).toBe(1);
    }
  });

  it('K-10 are enough to read a record with nothing else', async () => {
    const codec = await start(freshPrefix());
    const reader = await AvroCodec.start({ registryUrl: url, subjects: [] });
    const bytes = codec.encode('intents', SUBMITTED, submitted());
    await reader.learn(bytes);
    expect(JSON.parse(JSON.stringify(reader.decode(bytes)))).toMatchObject({
      record: SUBMITTED,
      value: { payload: { amount_in: '1.000000000000000001' } },
    });
  });

  it('X-08 refuse a change that cannot read what was written, with subject and reason', async () => {
    const subject = `${freshPrefix()}things-test.v1.Thing`;
    await registerSubject(registry, subject, recordOf(A));
    const check = await checkSubject(registry, subject, recordOf(A, B_REQUIRED));
    expect(check).toMatchObject({
      state: 'incompatible',
      reasons: [expect.stringMatching(/\bb\b/)],
    });
    await expect(registerSubject(registry, subject, recordOf(A, B_REQUIRED))).rejects.toMatchObject(
      {
        code: 'INCOMPATIBLE',
        message: expect.stringMatching(new RegExp(`${subject} refuses.*\\bb at`)) as string,
      },
    );
    expect(await registry.latest(subject)).toMatchObject({ schema: recordOf(A) });
  });

  it('X-08 take a field with a default', async () => {
    const subject = `${freshPrefix()}things-test.v1.Thing`;
    const stateOf = async (schema: string) => (await checkSubject(registry, subject, schema)).state;
    expect(await stateOf(recordOf(A))).toBe('new');
    await registerSubject(registry, subject, recordOf(A));
    expect(await stateOf(recordOf(A))).toBe('registered');
    expect(await stateOf(recordOf(A, B_DEFAULT))).toBe('compatible');
    await registerSubject(registry, subject, recordOf(A, B_DEFAULT));
    expect(await registry.compatibility(subject)).toBe('BACKWARD');
  });

  it.each(BOT_RECORDS)(
    'S-44 of bots take a new optional field and let no required one go: $record',
    async ({ topic, record, compatibility }) => {
      const subject = subjectOf({ topic, record }, freshPrefix());
      const schema = loadSchemas().get(record);
      const withPayload = (change: (fields: readonly SchemaField[]) => readonly SchemaField[]) =>
        JSON.stringify(schema, (_key, part: unknown) => {
          const named = part as NamedSchema | null;
          if (!named?.name?.endsWith('Payload') || named.fields === undefined) return part;
          return { ...named, fields: change(named.fields) };
        });
      const optional = { name: 'venue', type: ['null', 'string'], default: null } as const;
      const more = withPayload((fields) => [...fields, optional]);
      const less = withPayload((fields) => fields.filter((field) => 'default' in field));
      await registerSubject(registry, subject, JSON.stringify(schema), compatibility);
      expect(await registry.compatibility(subject)).toBe('FULL_TRANSITIVE');
      await registerSubject(registry, subject, more, compatibility);
      await expect(registerSubject(registry, subject, less, compatibility)).rejects.toMatchObject({
        code: 'INCOMPATIBLE',
      });
      expect(await registry.latest(subject)).toMatchObject({ schema: more });
    },
  );

  it('know no id that was never given', async () => {
    const codec = await AvroCodec.start({ registryUrl: url, subjects: [] });
    const bytes = Uint8Array.from([0, 0x7f, 0xff, 0xff, 0xff, 0]);
    await expect(codec.learn(bytes)).rejects.toMatchObject({ code: 'UNDECODABLE' });
  });
});

describe('millrace schema', () => {
  async function schema(args: readonly string[], env: Record<string, string>) {
    const lines: string[] = [];
    const take = (line: string): void => void lines.push(line);
    const given = { SCHEMA_REGISTRY_URL: url, ...env };
    const code = await runCommand(['schema', ...args], { out: take, err: take, env: given });
    return { code, text: lines.join('\n') };
  }

  it('says what is new, registers it, and then finds it registered', async () => {
    const env = { TOPIC_PREFIX: freshPrefix() };
    const before = await schema(['check'], env);
    expect(before).toMatchObject({ code: 0, text: expect.stringMatching(/^new +t-/) as string });
    const done = await schema(['register', '--json'], env);
    expect(done.code).toBe(0);
    const { subjects } = JSON.parse(done.text) as { subjects: { subject: string; id: number }[] };
    expect(subjects.map(({ subject }) => subject)).toContain(
      `${env.TOPIC_PREFIX}state-coordinator.journal-millrace.journal.v1.Batch`,
    );
    expect(subjects.every(({ id }) => id > 0)).toBe(true);
    const after = await schema(['check'], env);
    expect(after.text.split('\n').every((line) => line.startsWith('registered'))).toBe(true);
  });

  it.each(['check', 'register'])(
    '%s ends with 1 and the reason when one is refused',
    async (act) => {
      const env = { TOPIC_PREFIX: freshPrefix() };
      const subject = `${env.TOPIC_PREFIX}rm.plan-millrace.readmodel.v1.Plan`;
      const other = {
        type: 'record',
        name: 'Plan',
        namespace: 'millrace.readmodel.v1',
        fields: [A],
      };
      await registerSubject(registry, subject, JSON.stringify(other));
      const { code, text } = await schema([act], env);
      expect(code).toBe(1);
      expect(text).toMatch(new RegExp(`incompatible +${subject}\\n +.*progress`));
      expect(text).toMatch(/1 of \d+ subjects refuse/);
    },
  );

  it('ends with 2 on wrong use and when no registry answers', async () => {
    expect((await schema([], {})).code).toBe(2);
    expect((await schema(['drop'], {})).code).toBe(2);
    const away = await schema(['check'], { SCHEMA_REGISTRY_URL: 'http://127.0.0.1:1' });
    expect(away).toMatchObject({
      code: 2,
      text: expect.stringMatching(/no answer from http:\/\/127\.0\.0\.1:1/) as string,
    });
  });
});
