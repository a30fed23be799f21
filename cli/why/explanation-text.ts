import type { ExplainedEvent, Explanation, Handling, Place, StateSeen } from './explanation.ts';

/** Characters of a state that a line shows; `--json` has all of it. */
const STATE_CHARACTERS = 300;

/** An explanation as lines for people. */
export function explanationLines(explanation: Explanation): readonly string[] {
  const { correlation_id, events, others, first_to_last_ms } = explanation;
  const span = first_to_last_ms === null ? '' : `, ${first_to_last_ms.toFixed(3)} ms first to last`;
  const rest =
    others === 0 ? '' : `; ${others} more of the correlation are neither cause nor effect`;
  return [
    `${correlation_id}: ${events.length} events${span}${rest}`,
    ...events.flatMap(eventLines),
  ];
}

function eventLines(event: ExplainedEvent): readonly string[] {
  const mark = { cause: '  cause ', 'asked for': '> event ', effect: '  effect' }[event.relation];
  const hop = event.hop_ms === null ? '' : `  +${event.hop_ms.toFixed(3)} ms after its cause`;
  return [
    '',
    `${mark} ${event.type}  ${event.event_id}${hop}`,
    ...(event.places.length === 0
      ? ['    journaled, and not on its topic yet']
      : event.places.map(placeLine)),
    ...(event.dead_letter === null ? [] : [`    dead letter  ${event.dead_letter}`]),
    ...event.handlings.flatMap(handlingLines),
  ];
}

function placeLine({ topic, partition, offset, published, origin, copy, outcomes }: Place): string {
  const from = origin === null ? 'from outside' : `from ${origin}`;
  const again = copy === null ? '' : `  (${copy})`;
  const said = outcomes.map(({ application, decision }) => `${application}: ${decision}`);
  const read = said.length === 0 ? '' : `  ${said.join(', ')}`;
  return `    topic    ${topic}/${partition}@${offset}  ${published}  ${from}${again}${read}`;
}

function handlingLines(handling: Handling): readonly string[] {
  const { application, task, journal, actor, key, kind, time, owner, verdict, parked } = handling;
  const { offset, n, index } = journal;
  const who = owner === null ? '' : `  fence ${owner.fence} of ${owner.member} on ${owner.host}`;
  const code = owner === null || owner.topology === '' ? [] : [codeLine(owner)];
  const said = { stands: '', void: '  VOID: its owner was fenced', parked: '  PARKED' }[verdict];
  return [
    `    handled  ${application}/${actor} ${key}  ${kind}  ${time}${said}`,
    `             journal ${task}@${offset}, n ${n}, input ${index}${who}`,
    ...code,
    ...(parked === null ? [] : [`             ${parked}`]),
    ...handling.references.map((reference) => `             read ${reference}`),
    `             before ${stateText(handling.before)}`,
    `             after  ${stateText(handling.after)}`,
  ];
}

function codeLine({
  code,
  topology,
}: {
  readonly code: string;
  readonly topology: string;
}): string {
  return `             code ${code === '' ? '(no version)' : code}, topology ${topology}`;
}

function stateText(state: StateSeen | null): string {
  if (state === null) return '(none)';
  const json = JSON.stringify(state.value);
  const cut = json.length > STATE_CHARACTERS ? `${json.slice(0, STATE_CHARACTERS)}…` : json;
  return `v${state.version} ${cut}`;
}
