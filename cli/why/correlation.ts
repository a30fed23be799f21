import { HEADER } from '../../engine/event.ts';
import { eventTopics, scanTopics, type Sighting } from '../log/topic-scan.ts';
import { foldJournal } from '../log/journal-fold.ts';
import type { LogSession } from '../log/log-session.ts';

/** Records of one correlation that are looked at; past it the explanation would be no help. */
const MOST_SIGHTINGS = 5_000;

/** The correlation of an event, found on the topics or, where it was never published, in the journals; null: nowhere. */
export async function correlationOf(
  session: LogSession,
  eventId: string,
  sinceMs: number | null,
): Promise<string | null> {
  let found: string | null = null;
  const topics = eventTopics(session.topologies);
  await scanTopics(session, { topics, sinceMs }, (sighting) => {
    if (sighting.eventId === eventId) found = sighting.correlationId;
    return found !== null;
  });
  return found ?? (await journaledCorrelationOf(session, eventId));
}

async function journaledCorrelationOf(
  session: LogSession,
  eventId: string,
): Promise<string | null> {
  let found: string | null = null;
  for (const { application, partition } of await tasksOf(session))
    await foldJournal(
      session,
      { application, partition },
      {
        after: ({ batch }) => {
          for (const { headers } of batch.emits)
            if (headers[HEADER.eventId] === eventId)
              found ??= headers[HEADER.correlationId] ?? null;
        },
      },
    );
  return found;
}

/** Every record of a correlation, in the order of the topics, and whether there were more than are looked at. */
export async function sightingsOf(
  session: LogSession,
  correlationId: string,
  sinceMs: number | null,
): Promise<{ readonly sightings: readonly Sighting[]; readonly isCut: boolean }> {
  const sightings: Sighting[] = [];
  const topics = eventTopics(session.topologies);
  await scanTopics(session, { topics, sinceMs }, (sighting) => {
    if (sighting.correlationId === correlationId) sightings.push(sighting);
    return sightings.length > MOST_SIGHTINGS;
  });
  return { sightings, isCut: sightings.length > MOST_SIGHTINGS };
}

/** The tasks of the topologies whose journals are on the broker. */
export async function tasksOf(
  session: LogSession,
): Promise<readonly { readonly application: string; readonly partition: number }[]> {
  const { admin, names, topologies } = session;
  const existing = new Set(await admin.listTopics());
  const tasks: { application: string; partition: number }[] = [];
  for (const { application, journal } of topologies) {
    const topic = names.physical(journal);
    if (!existing.has(topic)) continue;
    const { length } = await admin.offsets(topic);
    for (let partition = 0; partition < length; partition++) tasks.push({ application, partition });
  }
  return tasks;
}
