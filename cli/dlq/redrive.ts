import { KafkaError } from '../../kafka/client.ts';
import { UsageError } from '../command.ts';
import type { LogSession } from '../log/log-session.ts';
import { RecordSource } from '../log/record-source.ts';
import { type RedrivePlan, redriveHeaders } from './redrive-plan.ts';

/** Says that an operator accepts the record after later ones of its key. */
export const OUT_OF_ORDER = 'x-out-of-order';

export interface RedriveOptions {
  readonly outOfOrder: boolean;
}

export interface RedriveReport {
  /** Ids of the letters that were sent. */
  readonly sent: readonly string[];
  /** Letters that were left where they are, and why. */
  readonly left: readonly { readonly id: string; readonly why: string }[];
}

/**
 * Sends letters to `<application>.redrive` with their key, bytes and event id, on the partition of their task. The letter stays on its
 * topic and counts as redriven.
 *
 * Throws: UsageError when the application reads no redrive topic; KafkaError when the broker does not confirm.
 */
export async function redrive(
  session: LogSession,
  plans: readonly RedrivePlan[],
  { outOfOrder }: RedriveOptions,
): Promise<RedriveReport> {
  const { admin, client, names } = session;
  const existing = new Set(await admin.listTopics());
  const sent: string[] = [];
  const left: { id: string; why: string }[] = [];
  const records = new RecordSource(session);
  const producer = client.producer();
  try {
    for (const { letter, partition, movedPast, instead } of plans) {
      const { id, application } = letter;
      const topic = names.physical(`${application}.redrive`);
      if (!existing.has(topic))
        throw new UsageError(
          'WRONG_USE',
          `There is no topic ${topic}: ${application} takes no redriven records. Run millrace topology apply.`,
        );
      const why = reasonToLeave(letter.redriven, movedPast && !outOfOrder);
      const record =
        why === null ? await records.at(letter.topic, letter.partition, letter.offset) : null;
      if (why !== null || record === null) {
        left.push({ id, why: why ?? 'the log no longer holds it' });
        continue;
      }
      const { key } = record;
      const { value } = instead ?? record;
      const order: Record<string, string> = movedPast ? { [OUT_OF_ORDER]: 'true' } : {};
      const headers = {
        ...redriveHeaders(letter, record.headers),
        ...order,
        ...instead?.headers,
      };
      const [result] = await producer.send([{ topic, partition, key, value, headers }]);
      if (result?.result !== 'confirmed')
        throw new KafkaError(
          result?.code ?? 'NO_RESULT',
          true,
          `${id} was ${result?.result === 'refused' ? 'refused' : 'not confirmed'} by ${topic}/${partition} ` +
            `(${result?.code ?? ''}); ${sent.length} before it were sent. Redrive again: what is taken twice is ` +
            `dropped by its event id.`,
        );
      sent.push(id);
    }
  } finally {
    await producer.close();
  }
  return { sent, left };
}

function reasonToLeave(redriven: boolean, isTooLate: boolean): string | null {
  if (redriven) return 'it was redriven before';
  return isTooLate
    ? 'later events of its key were handled since; say --out-of-order if it may come after them'
    : null;
}
