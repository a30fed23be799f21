import type { Config } from '../../apps/config.ts';
import type { BotReport } from '../../apps/bot-reports.ts';
import type { Finding } from './finding.ts';

const ANSWER_MS = 4_000;
/** Unread records that a sink at its usual rate has read in a few seconds. */
const MANY_UNREAD = 50_000;

/** What the gateway's report says of bots; nothing where it does not answer, which is a finding of its own. */
export async function examineBots(
  { service }: Pick<Config, 'service'>,
  sinceMs: number | null,
): Promise<readonly Finding[]> {
  const host = service.host === '0.0.0.0' ? '127.0.0.1' : service.host;
  const from = sinceMs === null ? '' : `?from=${new Date(sinceMs).toISOString()}`;
  try {
    const response = await fetch(`http://${host}:${service.ports.gateway}/bots/report${from}`, {
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    return response.ok ? botFindings((await response.json()) as BotReport) : [];
  } catch {
    return [];
  }
}

/** What of a report somebody has to look at. Source: S-29, S-36, S-38. */
export function botFindings(
  report: Pick<BotReport, 'pending' | 'total' | 'unexplained' | 'log_gaps'>,
): readonly Finding[] {
  const findings: Finding[] = [];
  const { pending, total, unexplained, log_gaps: gaps } = report;
  const { invalid, conflict } = total.explained;
  if (total.unexplained > 0) {
    const [first] = unexplained;
    const which =
      first === undefined
        ? ''
        : `, the first of ${first.producer} on ${first.topic}/${first.partition}: ${first.sequence}`;
    findings.push({
      level: 'wrong',
      code: 'BOT_EVENTS_LOST',
      where: 'bots',
      what: `${total.unexplained} events that producers sent never came${which}`,
      remedy: 'See millrace bots report; that producer can send them again from its spool or log.',
    });
  }
  if (gaps.length > 0)
    findings.push({
      level: 'wrong',
      code: 'BOT_EVENTS_LOST',
      where: 'bots',
      what: `records were gone from the log before the store read them, ${gaps.length} times`,
      remedy: 'Keep orders for longer than the store may be away; see log_gaps in the report.',
    });
  if (invalid + conflict > 0)
    findings.push({
      level: 'note',
      code: 'BOT_EVENTS_REJECTED',
      where: 'bots',
      what: `${invalid} events were against the rules, ${conflict} said an event_id again with other content`,
      remedy: 'See millrace dlq peek; correct the producer, and millrace dlq redrive --event.',
    });
  if (pending !== null && pending > 0)
    findings.push({
      level: pending > MANY_UNREAD ? 'wrong' : 'note',
      code: 'BOT_STORE_BEHIND',
      where: 'bots',
      what: `${pending} records are not read into the store yet`,
      remedy: 'See /health of the coordinator, and whether Postgres keeps up; nothing is lost.',
    });
  return findings;
}
