import type { BotOrigin, BotReject, BotRow, SentStatement } from './bot-rows.ts';
import type { Run } from './database.ts';
import { SequenceSet } from './sequence-set.ts';

/** What a batch adds to one row of bot_producers. */
interface ProducerChange {
  readonly topic: string;
  readonly partition: number;
  readonly producer: string;
  readonly held: SequenceSet;
  declared: number;
  redelivered: number;
  /** Of all its records; null: none was read yet, or they are of `several`. */
  instance: string | null;
  several: boolean;
  firstMicros: number | null;
  lastMicros: number | null;
}

type Marked = BotOrigin & Partial<Pick<BotRow | BotReject, 'instanceName' | 'tsMicros'>>;

/**
 * Takes the producers' numbers of a batch into what is held of them. Returns the records whose number came before.
 *
 * Order: after the positions are moved, which keeps other writers of these partitions away.
 * Source: S-36; J7a.
 */
export async function takeMarks(
  run: Run,
  records: readonly Marked[],
  statements: readonly SentStatement[],
): Promise<ReadonlySet<Marked>> {
  const marked = records.filter(({ mark }) => mark !== null);
  if (marked.length === 0 && statements.length === 0) return new Set();
  const changes = new Map<string, ProducerChange>();
  const changeOf = (topic: string, partition: number, producer: string): ProducerChange => {
    const key = `${topic}/${partition}/${producer}`;
    const known = changes.get(key) ?? newChange(topic, partition, producer);
    changes.set(key, known);
    return known;
  };
  for (const { topic, partition, mark } of marked) changeOf(topic, partition, mark?.producer ?? '');
  for (const { topic, producer, sent } of statements)
    for (const [partition, highest] of sent.entries()) {
      const change = changeOf(topic, partition, producer);
      change.declared = Math.max(change.declared, highest);
    }
  await loadHeld(run, changes);
  const before = new Set<Marked>();
  for (const record of marked) {
    const { topic, partition, mark } = record;
    const change = changeOf(topic, partition, mark?.producer ?? '');
    if (!change.held.add(mark?.sequence ?? 0)) {
      before.add(record);
      change.redelivered += 1;
    }
    noteInstance(change, record);
    noteTime(change, record);
  }
  await save(run, [...changes.values()].sort(byKey));
  return before;
}

function newChange(topic: string, partition: number, producer: string): ProducerChange {
  return {
    topic,
    partition,
    producer,
    held: new SequenceSet(),
    declared: 0,
    redelivered: 0,
    instance: null,
    several: false,
    firstMicros: null,
    lastMicros: null,
  };
}

function noteInstance(change: ProducerChange, { instanceName }: Marked): void {
  if (change.several || instanceName === undefined || instanceName === null) return;
  change.several = change.instance !== null && change.instance !== instanceName;
  change.instance = change.several ? null : instanceName;
}

function noteTime(change: ProducerChange, { tsMicros }: Marked): void {
  if (tsMicros === undefined || tsMicros === null) return;
  change.firstMicros = Math.min(change.firstMicros ?? tsMicros, tsMicros);
  change.lastMicros = Math.max(change.lastMicros ?? tsMicros, tsMicros);
}

async function loadHeld(run: Run, changes: Map<string, ProducerChange>): Promise<void> {
  const all = [...changes.values()];
  const { rows } = await run<{ topic: string; partition: number; id: string; held: string }>(
    `SELECT topic, partition, producer_id AS id, held::text AS held FROM bot_producers
     WHERE (topic, partition, producer_id) IN
       (SELECT * FROM unnest($1::text[], $2::int[], $3::text[]))
     ORDER BY topic, partition, producer_id FOR UPDATE`,
    [
      all.map(({ topic }) => topic),
      all.map(({ partition }) => partition),
      all.map(({ producer }) => producer),
    ],
  );
  for (const { topic, partition, id, held } of rows) {
    const key = `${topic}/${partition}/${id}`;
    const change = changes.get(key);
    if (change) changes.set(key, { ...change, held: SequenceSet.parse(held) });
  }
}

/** In one order, so that two writers of one producer never wait for each other in a ring. */
function byKey(left: ProducerChange, right: ProducerChange): number {
  const keyOf = ({ topic, partition, producer }: ProducerChange): string =>
    `${topic}/${String(partition).padStart(6, '0')}/${producer}`;
  return keyOf(left) < keyOf(right) ? -1 : 1;
}

async function save(run: Run, changes: readonly ProducerChange[]): Promise<void> {
  await run(SAVE, [
    changes.map(({ topic }) => topic),
    changes.map(({ partition }) => partition),
    changes.map(({ producer }) => producer),
    changes.map(({ held }) => held.toString()),
    changes.map(({ declared }) => declared),
    changes.map(({ redelivered }) => redelivered),
    changes.map(({ instance }) => instance),
    changes.map(({ firstMicros }) => firstMicros),
    changes.map(({ lastMicros }) => lastMicros),
    changes.map(({ several }) => several),
  ]);
}

const ARE_SEVERAL = `(known.several OR excluded.several
      OR coalesce(known.instance_name <> excluded.instance_name, false))`;

const SAVE = `
  INSERT INTO bot_producers AS known
    (topic, partition, producer_id, held, declared, redelivered, instance_name, several, first_ts_utc, last_ts_utc)
  SELECT topic, partition, producer_id, held::int8multirange, declared, redelivered, instance_name, several,
    timestamptz 'epoch' + first * interval '1 microsecond',
    timestamptz 'epoch' + last * interval '1 microsecond'
  FROM unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::text[],
      $8::bigint[], $9::bigint[], $10::boolean[])
    AS given(topic, partition, producer_id, held, declared, redelivered, instance_name, first, last, several)
  ON CONFLICT (topic, partition, producer_id) DO UPDATE SET
    held = known.held + excluded.held,
    declared = greatest(known.declared, excluded.declared),
    redelivered = known.redelivered + excluded.redelivered,
    several = ${ARE_SEVERAL},
    instance_name = CASE WHEN NOT ${ARE_SEVERAL} THEN coalesce(known.instance_name, excluded.instance_name) END,
    first_ts_utc = least(known.first_ts_utc, excluded.first_ts_utc),
    last_ts_utc = greatest(known.last_ts_utc, excluded.last_ts_utc)`;
