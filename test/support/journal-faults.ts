import { cpSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import type { Crew } from './crew.ts';
import type { CrewMember } from './crew-member.ts';
import type { ReadRecord } from './engine-fixture.ts';
import { eventually } from './eventually.ts';
import type { FaultContext } from './fault-kinds.ts';

const NAMES = ['1', '2'];
/** More than the next fence could make up for. */
const LOST_BATCHES = 5;
/** Of the counter. */
const JOURNAL = 'counter.journal';
const JOURNALS = 4;
/** More than a slow restore reads while it is slow. */
const ANCHORS_WANTED = 4;
/** Anchors often, and nothing deleted behind them. */
const ANCHORS = { minBytes: 40_000, historyMs: 3_600_000, batchBytes: 4_000 };

/** What a broker acknowledged is gone from the ends of the journals: refused by name, and taken up again from the backup. */
export async function journalTail({ crew, rounds, broker }: FaultContext): Promise<string> {
  let members = await crew.members(NAMES);
  const folder = broker?.folder ?? '';
  for (let round = 0; round < rounds; round++) {
    await longEnough(crew);
    // What they have confirmed, they have noted.
    await endAll(members, 'SIGTERM');
    await broker?.stop();
    const logs = journalFolders(folder, crew.counter.names.prefix);
    for (const log of logs) {
      cpSync(log, join(folder, 'backup', log), { recursive: true });
      cutTail(log);
    }
    await broker?.start();
    // Twice: what was found is not forgotten over a restart.
    for (let time = 0; time < 2; time++) await endAll(await refusing(crew), 'SIGKILL');
    await broker?.stop();
    for (const log of logs) {
      rmSync(log, { recursive: true });
      cpSync(join(folder, 'backup', log), log, { recursive: true });
    }
    await broker?.start();
    members = await crew.members(NAMES);
  }
  return `${rounds} times refused, and restored from a backup`;
}

/** The journal topic is deleted and made again: refused by name, and taken up again when its records are back. */
export async function journalAnew({ crew, rounds }: FaultContext): Promise<string> {
  let members = await crew.members(NAMES);
  let records = 0;
  for (let round = 0; round < rounds; round++) {
    await longEnough(crew);
    await endAll(members, 'SIGTERM');
    const backup = await crew.counter.read(JOURNAL);
    await makeAnew(crew);
    await endAll(await refusing(crew), 'SIGKILL');
    await makeAnew(crew);
    await putBack(crew, backup);
    records += backup.length;
    members = await crew.members(NAMES);
  }
  return `${rounds} times refused, ${records} records put back`;
}

/** The beginnings of the journals are deleted up to an anchor while a member reads them: it begins again there. */
export async function journalPrefix({ crew, rounds }: FaultContext): Promise<string> {
  const settings = { cleaning: ANCHORS };
  const members = [...(await crew.members(NAMES, settings))];
  let overtaken = 0;
  for (let round = 0; round < rounds; round++) {
    await members[1]?.end('SIGKILL');
    const anchors = await finishedAnchors(crew);
    rmSync(crew.storesOf('2'), { recursive: true });
    const member = crew.member('2', { ...settings, slowRestore: true });
    members[1] = member;
    await member.until('restores', () => behind(member, anchors).length > 0);
    const { admin, names } = crew.counter;
    for (const [partition, offset] of anchors.entries())
      await admin.deleteRecords(names.physical(JOURNAL), partition, offset);
    const deletedUnder = behind(member, anchors);
    await member.ready();
    for (const partition of deletedUnder) requireBegunAgain(member, partition, anchors);
    if (deletedUnder.length === 0) throw new Error('No restore was overtaken.');
    overtaken += deletedUnder.length;
    await Promise.all(members.map((each) => each.works()));
  }
  return `${overtaken} restores overtaken`;
}

/** Until each journal holds some batches, more than are taken from it. */
export async function longEnough(
  { counter: { admin, names } }: Crew,
  journals: readonly string[] = [JOURNAL],
): Promise<void> {
  const isLong = async (): Promise<boolean> => {
    const bounds = journals.map((journal) => admin.offsets(names.physical(journal)));
    return (await Promise.all(bounds))
      .flat()
      .every(({ start, end }) => end - start > 3 * LOST_BATCHES);
  };
  await eventually('every journal holds some batches', isLong, 60_000);
}

async function endAll(
  members: readonly CrewMember[],
  signal: 'SIGKILL' | 'SIGTERM',
): Promise<void> {
  await Promise.all(members.map((member) => member.end(signal)));
}

/** Starts the members, and waits until each journal is refused. */
async function refusing(crew: Crew): Promise<readonly CrewMember[]> {
  const members = NAMES.map((name) => crew.member(name));
  const refusals = (): number =>
    members
      .flatMap(({ tasks }) => tasks)
      .filter((task) => task.includes('acknowledged records are gone')).length;
  for (const member of members)
    await member.until('refuses its journals', () => refusals() === JOURNALS);
  return members;
}

async function makeAnew({ counter }: Crew): Promise<void> {
  const name = counter.names.physical(JOURNAL);
  await counter.admin.deleteTopics([name]);
  const isGone = async (): Promise<boolean> => !(await counter.admin.listTopics()).includes(name);
  await eventually('the journal is gone', isGone);
  await counter.createTopic(JOURNAL, { 'max.message.bytes': String(16 * 1024 * 1024) });
  const isThere = async (): Promise<boolean> =>
    (await counter.admin.offsets(name).catch(() => [])).length === JOURNALS;
  await eventually('the journal has its leaders', isThere);
}

/** Each record at the offset that it had: fences are named by theirs. */
async function putBack({ counter }: Crew, records: readonly ReadRecord[]): Promise<void> {
  for (const { topic, partition, key, value, headers, offset } of records) {
    let at: number | null = null;
    // A producer that knew the topic that is gone looks it up anew when it is refused.
    const isTaken = async (): Promise<boolean> => {
      const [sent] = await counter.producer.send([{ topic, partition, key, value, headers }]);
      if (sent?.result === 'confirmed') at = sent.baseOffset;
      return at !== null;
    };
    await eventually('the record is put back', isTaken);
    if (at !== offset) throw new Error(`Record ${offset} of ${topic}/${partition} is at ${at}.`);
  }
}

/** Where each journal's last anchor but one stands: what it puts again stands behind it, whole. Waits for some anchors more. */
async function finishedAnchors(crew: Crew): Promise<readonly number[]> {
  const partitions = [...Array(JOURNALS).keys()];
  let found: readonly (number | undefined)[] = [];
  const areThere = async (): Promise<boolean> => {
    const journals = await Promise.all(partitions.map((each) => crew.counter.journal(each)));
    const anchors = journals.map((journal) =>
      journal.flatMap(([offset, { kind }]) => (kind === 'anchor' ? [offset] : [])),
    );
    found = anchors.map((offsets) =>
      offsets.length < ANCHORS_WANTED ? undefined : offsets.at(-2),
    );
    return found.every((offset) => offset !== undefined);
  };
  await eventually('every journal has some anchors', areThere, 60_000);
  return found.map((offset) => offset ?? 0);
}

/** Partitions whose journals a member is reading, still before the anchor. */
function behind({ tasks, restores }: CrewMember, anchors: readonly number[]): readonly number[] {
  return [...anchors.keys()].filter((partition) => {
    const offsets = restores.get(`${JOURNAL}/${partition}`) ?? [];
    const isBefore = offsets.every((offset) => offset < (anchors[partition] ?? 0));
    return isBefore && offsets.length > 1 && tasks.includes(`counter/${partition} restoring`);
  });
}

/** Throws: Error when a restore whose beginning was deleted did not begin again at the anchor. */
function requireBegunAgain(
  { restores }: CrewMember,
  partition: number,
  anchors: readonly number[],
): void {
  const offsets = restores.get(`${JOURNAL}/${partition}`) ?? [];
  if (!offsets.includes(anchors[partition] ?? -1))
    throw new Error(
      `Journal ${partition}, deleted before ${anchors[partition]}: read at ${offsets}`,
    );
}

function journalFolders(folder: string, prefix: string): readonly string[] {
  const logs = join(folder, 'logs');
  return readdirSync(logs)
    .filter((name) => name.startsWith(`${prefix}${JOURNAL}-`))
    .map((name) => join(logs, name));
}

/** Takes the last batches from a partition's newest segment, and its indexes, which the broker makes anew. */
function cutTail(folder: string): void {
  const names = readdirSync(folder).toSorted();
  for (const name of names) if (/index$|snapshot$/.test(name)) rmSync(join(folder, name));
  const segment = join(folder, names.findLast((name) => name.endsWith('.log')) ?? '');
  const bytes = readFileSync(segment);
  const starts: number[] = [];
  for (let at = 0; at + 12 <= bytes.length; at += 12 + bytes.readInt32BE(at + 8)) starts.push(at);
  truncateSync(segment, starts.at(-LOST_BATCHES) ?? 0);
}
