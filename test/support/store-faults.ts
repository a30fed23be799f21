import { closeSync, cpSync, fstatSync, openSync, rmSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Crew } from './crew.ts';
import type { CrewMember } from './crew-member.ts';
import { eventually } from './eventually.ts';
import type { FaultContext } from './fault-kinds.ts';
import { LONG_SESSION_MS } from './member-faults.ts';

/** Journals are cleaned each few kilobytes, so that an old copy soon stands before their start. */
const CLEANING = { minBytes: 30_000, historyMs: 0, batchBytes: 4_000 };
const PAGE_BYTES = 4_096;
/** Enough for an empty store of each task, and not for what they come to hold. */
const FULL_KIB = 48;

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
 * A member is killed, and each of its stores is deleted, damaged or replaced by an old copy: it throws away what it cannot use, and
 * goes on from the journals. Then the same with the other one.
 */
export async function storeDamage({ crew, rounds }: FaultContext): Promise<string> {
  const settings = { cleaning: CLEANING, sessionTimeoutMs: LONG_SESSION_MS };
  const members = [...(await crew.members(['1', '2'], settings))];
  const counted = new Map<string, number>();
  for (let turn = 0; turn < 2 * rounds; turn++) {
    const before = members[turn % 2];
    if (before === undefined) break;
    const stores = storesOf(crew, before);
    await before.end(turn % 4 < 2 ? 'SIGTERM' : 'SIGKILL');
    for (const { folder } of stores) cpSync(folder, copyOf(folder), { recursive: true });
    const member = crew.member(before.settings.member, settings);
    await member.ready();
    await cleaned(crew);
    await member.end('SIGKILL');
    const done = stores.map((store, place) => {
      const kind = KINDS_OF_DAMAGE[(place + 4 * turn) % KINDS_OF_DAMAGE.length] ?? '';
      DAMAGES[kind]?.(store.folder, copyOf(store.folder));
      counted.set(kind, (counted.get(kind) ?? 0) + 1);
      rmSync(copyOf(store.folder), { recursive: true });
      return { ...store, kind };
    });
    const again = crew.member(before.settings.member, settings);
    members[turn % 2] = again;
    await again.ready();
    requireDiscarded(again, done);
  }
  await Promise.all(members.map((member) => member.works()));
  return [...counted].map(([kind, times]) => `${times} ${kind}`).join(', ');
}

const copyOf = (folder: string): string => `${folder}.copy`;

interface TaskStore {
  readonly application: string;
  readonly partition: number;
  readonly folder: string;
}

/** Those of the tasks that a member owns. */
function storesOf(crew: Crew, { settings, tasks }: CrewMember): readonly TaskStore[] {
  return tasks.map((task) => {
    const [application = '', partition = ''] = task.split(/[/ ]/);
    const folder = crew.storeOf(settings.member, application, Number(partition));
    return { application, partition: Number(partition), folder };
  });
}

/** Throws: Error when a store that cannot be used was used, or one that can was not. */
function requireDiscarded(
  member: CrewMember,
  done: readonly (TaskStore & { readonly kind: string })[],
): void {
  for (const { application, partition, kind } of done) {
    const place = `${application}/${partition}`;
    if (!member.tasks.includes(`${place} running`))
      throw new Error(`${place} is not run by the member that has its store: ${member.tasks}`);
    const reasons = member.discarded.filter((each) => each.startsWith(`${place}: `));
    // What is deleted is not there to be thrown away.
    const isExpected = kind !== 'untouched' && kind !== 'deleted';
    // Of the tally's journals nobody waits until they are cleaned.
    if (kind === 'too old' && application === 'tally') continue;
    if (isExpected !== reasons.length > 0)
      throw new Error(`Store ${place}, ${kind}: ${reasons.join('; ') || 'it was used'}`);
  }
}

async function cleaned({ counter: { admin, names } }: Crew): Promise<void> {
  const journal = names.physical('counter.journal');
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

/** The disk of a member takes no more while it works: it goes on in memory, and from its journals when it comes back. */
export async function storeFull({ crew, rounds }: FaultContext): Promise<string> {
  const settings = { sessionTimeoutMs: LONG_SESSION_MS };
  const other = crew.member('2', settings);
  let stores = 0;
  for (let round = 0; round < rounds; round++) {
    const full = crew.member('1', { ...settings, fileKiB: FULL_KIB });
    await full.ready();
    await full.until('has run out of space', () =>
      full.discarded.some((each) => each.includes('counter/')),
    );
    await full.until('runs its tasks in memory', () =>
      full.tasks.every((task) => task.endsWith(' running')),
    );
    await Promise.all([full.works(), other.works()]);
    stores += full.discarded.length;
    await full.end(round % 2 === 0 ? 'SIGKILL' : 'SIGTERM');
    const roomy = crew.member('1', settings);
    await roomy.ready();
    await Promise.all([roomy.works(), other.works()]);
    await roomy.end('SIGKILL');
    rmSync(crew.storesOf('1'), { recursive: true });
  }
  const last = crew.member('1', settings);
  await last.ready();
  await Promise.all([last.works(), other.works()]);
  return `${stores} stores without room`;
}

function inFile(folder: string, act: (descriptor: number, pages: number) => void): void {
  const descriptor = openSync(join(folder, 'data.mdb'), 'r+');
  try {
    act(descriptor, Math.floor(fstatSync(descriptor).size / PAGE_BYTES));
  } finally {
    closeSync(descriptor);
  }
}
