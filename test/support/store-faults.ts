import {
  closeSync,
  cpSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { CrewMember } from './crew-member.ts';
import { eventually } from './eventually.ts';
import type { FaultContext } from './fault-kinds.ts';

/** Journals are cleaned each few kilobytes, so that an old copy soon stands before their start. */
const CLEANING = { minBytes: 30_000, historyMs: 0, batchBytes: 4_000 };
const PAGE_BYTES = 4_096;
const APPLICATIONS = ['counter', 'tally'];
const PARTITIONS = [0, 1, 2, 3];
/** Enough for an empty store of each task, and not for what they come to hold. */
const FULL_KIB = 48;
/** More than the member's next fence could make up for. */
const LOST_BATCHES = 5;

/** What may happen to the folder of a store while its process is down; `copy` holds it as it was some time ago. */
const DAMAGES: Readonly<Record<string, (folder: string, copy: string) => void>> = {
  'too old': (folder, copy) => {
    rmSync(folder, { recursive: true, force: true });
    cpSync(copy, folder, { recursive: true });
  },
  deleted: (folder) => rmSync(folder, { recursive: true, force: true }),
  'bytes changed': (folder) =>
    inFile(folder, (descriptor, pages) => {
      for (let page = 2; page < pages; page++) {
        // Each page begins with its number.
        const at = page * PAGE_BYTES + Math.floor(Math.random() * 7);
        writeSync(descriptor, Buffer.from([0xa5, 0xa5]), 0, 2, at);
      }
    }),
  'cut off': (folder) => truncateSync(join(folder, 'data.mdb'), 2.5 * PAGE_BYTES),
  'pages of zeros': (folder) =>
    inFile(folder, (descriptor, pages) => {
      writeSync(descriptor, Buffer.alloc((pages - 2) * PAGE_BYTES), 0, undefined, 2 * PAGE_BYTES);
    }),
  'no first page': (folder) =>
    inFile(folder, (descriptor) => {
      writeSync(descriptor, Buffer.alloc(PAGE_BYTES), 0, PAGE_BYTES, 0);
    }),
  untouched: () => {},
};
const KINDS_OF_DAMAGE = Object.keys(DAMAGES);

/**
 * A member that owns every task is killed, and each of its stores is deleted, damaged or replaced by an old copy: it throws away what
 * it cannot use, and goes on from the journals.
 */
export async function storeDamage({ crew, rounds }: FaultContext): Promise<string> {
  const settings = { data: crew.data, cleaning: CLEANING };
  const folders = APPLICATIONS.flatMap((application) =>
    PARTITIONS.map((partition) => join(crew.data, '1', application, String(partition))),
  );
  let member = crew.member('1', settings);
  await member.ready();
  const counted = new Map<string, number>();
  for (let round = 0; round < rounds; round++) {
    await member.works();
    await member.end(round % 2 === 0 ? 'SIGTERM' : 'SIGKILL');
    const copies = folders.map((folder) => `${folder}.copy-${round}`);
    for (const [place, folder] of folders.entries())
      cpSync(folder, copies[place] ?? '', { recursive: true });
    member = crew.member('1', settings);
    await member.ready();
    await cleaned(crew.counter.admin, crew.counter.names.physical('counter.journal'));
    await member.end('SIGKILL');
    const done = folders.map((folder, place) => {
      const kind = KINDS_OF_DAMAGE[(place + 3 * round) % KINDS_OF_DAMAGE.length] ?? '';
      DAMAGES[kind]?.(folder, copies[place] ?? '');
      counted.set(kind, (counted.get(kind) ?? 0) + 1);
      return [folder, kind] as const;
    });
    member = crew.member('1', settings);
    await member.ready();
    requireDiscarded(member, done);
  }
  await member.works();
  return [...counted].map(([kind, times]) => `${times} ${kind}`).join(', ');
}

/** Throws: Error when a store that cannot be used was used, or one that can was not. */
function requireDiscarded(
  member: CrewMember,
  done: readonly (readonly [folder: string, kind: string])[],
): void {
  for (const [folder, kind] of done) {
    const place = folder.split('/').slice(-2).join('/');
    const reasons = member.discarded.filter((each) => each.startsWith(`${place}: `));
    // What is deleted is not there to be thrown away.
    const isExpected = kind !== 'untouched' && kind !== 'deleted';
    // Of the tally's journals nobody waits until they are cleaned.
    if (kind === 'too old' && place.startsWith('tally')) continue;
    if (isExpected !== reasons.length > 0)
      throw new Error(`Store ${place}, ${kind}: ${reasons.join('; ') || 'it was used'}`);
  }
}

async function cleaned(
  admin: FaultContext['crew']['counter']['admin'],
  journal: string,
): Promise<void> {
  const ends = (await admin.offsets(journal)).map(({ end }) => end);
  await eventually(
    'every journal begins behind where it ended',
    async () => {
      const bounds = await admin.offsets(journal);
      return bounds.every(({ start }, partition) => start > (ends[partition] ?? 0));
    },
    60_000,
  );
}

/** The disk takes no more while a member works: it goes on in memory, and from its journals when it comes back. */
export async function storeFull({ crew, rounds }: FaultContext): Promise<string> {
  let stores = 0;
  for (let round = 0; round < rounds; round++) {
    const full = crew.member('1', { data: crew.data, fileKiB: FULL_KIB });
    await full.ready();
    await full.until('has run out of space', () =>
      full.discarded.some((each) => each.includes('counter/')),
    );
    await full.until('runs its tasks in memory', () =>
      full.tasks.every((task) => task.endsWith(' running')),
    );
    await full.works();
    stores += full.discarded.length;
    await full.end(round % 2 === 0 ? 'SIGKILL' : 'SIGTERM');
    const roomy = crew.member('1', { data: crew.data });
    await roomy.ready();
    await roomy.works();
    await roomy.end('SIGKILL');
    rmSync(crew.data, { recursive: true, force: true });
  }
  return `${stores} stores without room`;
}

/** What a broker acknowledged is gone from the ends of the journals: refused by name, and taken up again from the backup. */
export async function journalTail({ crew, rounds, broker }: FaultContext): Promise<string> {
  const settings = { data: crew.data };
  let member = crew.member('1', settings);
  await member.ready();
  for (let round = 0; round < rounds; round++) {
    await member.works();
    await longEnough(crew);
    // What it has confirmed, it has noted.
    await member.end('SIGTERM');
    await broker?.stop();
    const logs = journalFolders(broker?.folder ?? '', crew.counter.names.prefix);
    for (const folder of logs) {
      cpSync(folder, join(broker?.folder ?? '', 'backup', folder), { recursive: true });
      cutTail(folder);
    }
    await broker?.start();
    member = crew.member('1', settings);
    await member.until('refuses every journal', () => refusals(member) === logs.length);
    // Again: what it found is not forgotten over a restart.
    await member.end('SIGKILL');
    member = crew.member('1', settings);
    await member.until('refuses every journal again', () => refusals(member) === logs.length);
    await member.end('SIGKILL');
    await broker?.stop();
    for (const folder of logs) {
      rmSync(folder, { recursive: true });
      cpSync(join(broker?.folder ?? '', 'backup', folder), folder, { recursive: true });
    }
    await broker?.start();
    member = crew.member('1', settings);
    await member.ready();
  }
  await member.works();
  return `${rounds} times refused, and restored from a backup`;
}

/** Until each journal holds more than is taken from it. */
async function longEnough({ counter: { admin, names } }: FaultContext['crew']): Promise<void> {
  const isLong = async (): Promise<boolean> =>
    (await admin.offsets(names.physical('counter.journal'))).every(
      ({ start, end }) => end - start > 3 * LOST_BATCHES,
    );
  await eventually('every journal holds some batches', isLong, 60_000);
}

function refusals({ tasks }: CrewMember): number {
  return tasks.filter((task) => task.includes('acknowledged records are gone')).length;
}

function journalFolders(folder: string, prefix: string): readonly string[] {
  const logs = join(folder, 'logs');
  return readdirSync(logs)
    .filter((name) => name.startsWith(`${prefix}counter.journal-`))
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

function inFile(folder: string, act: (descriptor: number, pages: number) => void): void {
  const descriptor = openSync(join(folder, 'data.mdb'), 'r+');
  try {
    act(descriptor, Math.floor(fstatSync(descriptor).size / PAGE_BYTES));
  } finally {
    closeSync(descriptor);
  }
}
