import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { UsageError, type Command, type ExitCode, type Io } from '../command.ts';
import { deadLetterTopicsOf, depthsOf, type Letter, lettersOf } from '../dlq/letters.ts';
import { corrected, isOfBots, planBotLetters } from '../dlq/bot-letters.ts';
import { payloadOf, planRedrive, type RedrivePlan } from '../dlq/redrive-plan.ts';
import { redrive, type RedriveReport } from '../dlq/redrive.ts';
import { type LogSession, withLog } from '../log/log-session.ts';
import { RecordSource } from '../log/record-source.ts';

const USAGE = `
Usage: millrace dlq list [--json]
       millrace dlq peek [<topic | letter>…] [--limit 10] [--all] [--json]
       millrace dlq redrive <topic | letter>… | --all [--dry-run] [--out-of-order] [--json]
       millrace dlq redrive <letter> --event <file> [--dry-run] [--json]

  list      how many dead letters wait on each topic; what was redriven counts apart
  peek      show letters, oldest first, with their error headers, decoded; nothing is removed. --all: redriven ones too
  redrive   send letters to <application>.redrive with their key, bytes and event id. --dry-run shows the state and the
            emits to come and sends nothing. A letter whose key moved past it stays, unless --out-of-order. --event sends
            the event of a file, as JSON, instead of a letter of bots that breaks a rule

A letter is named by its place: dlq.plan.created/2/17. --topology <file> is for applications of a file of yours.
Exit code 1: a letter was left where it is, or a dry run meets an error. 2: wrong use, or no broker or registry answers.`;

export const command: Command = {
  name: 'dlq',
  summary: 'list, look at and redrive dead letters',
  usage: USAGE,

  async run(args, io) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        all: { type: 'boolean', default: false },
        'dry-run': { type: 'boolean', default: false },
        event: { type: 'string' },
        limit: { type: 'string', default: '10' },
        'out-of-order': { type: 'boolean', default: false },
        topology: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    });
    const [act, ...named] = positionals;
    const { all, json } = values;
    const session = { io, topologyFile: values.topology };
    if (act === 'list' && named.length === 0) return withLog(session, (log) => list(log, json, io));
    if (act === 'peek')
      return withLog(session, (log) =>
        peek(log, { named, limit: limitOf(values.limit), all, json }, io),
      );
    if (act === 'redrive' && named.length > 0 !== all)
      return withLog({ ...session, decides: true }, async (log) =>
        redriveNamed(
          log,
          {
            named,
            json,
            dryRun: values['dry-run'],
            outOfOrder: values['out-of-order'],
            event: values.event === undefined ? null : await eventOf(values.event),
          },
          io,
        ),
      );
    throw new UsageError(
      'WRONG_USE',
      'Say millrace dlq list, peek, or redrive with a topic, a letter or --all.',
    );
  },
};

function limitOf(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit > 0 && limit <= 10_000) return limit;
  throw new UsageError('WRONG_USE', `--limit ${text} is no number from 1 to 10000.`);
}

async function list(session: LogSession, json: boolean, io: Io): Promise<ExitCode> {
  const topics = await deadLetterTopicsOf(session);
  const depths = depthsOf(topics, await lettersOf(session, topics));
  if (json) io.out(JSON.stringify({ topics: depths }));
  else {
    for (const { topic, letters, redriven, oldest } of depths)
      if (letters + redriven > 0)
        io.out(
          `${String(letters).padStart(6)}  ${topic.padEnd(32)}  ${redriven} redriven` +
            (oldest === null ? '' : `, oldest ${oldest}`),
        );
    const sum = depths.reduce((total, { letters }) => total + letters, 0);
    io.out(`${sum} dead letters wait on ${depths.length} topics.`);
  }
  return 0;
}

/** Letters by topic or by place; every one where nothing is named. Throws: UsageError for a name that is none. */
async function lettersNamed(
  session: LogSession,
  named: readonly string[],
): Promise<readonly Letter[]> {
  const topics = await deadLetterTopicsOf(session);
  const wanted = named.map((name) => topics.find((topic) => isOf(name, topic)) ?? name);
  const unknown = wanted.find((topic) => !topics.includes(topic));
  if (unknown !== undefined)
    throw new UsageError(
      'WRONG_USE',
      `There is no dead-letter topic for '${unknown}'; millrace dlq list names them.`,
    );
  const letters = await lettersOf(session, named.length === 0 ? topics : [...new Set(wanted)]);
  if (named.length === 0) return letters;
  const missing = named.find(
    (name) => !topics.includes(name) && !letters.some(({ id }) => id === name),
  );
  if (missing !== undefined)
    throw new UsageError(
      'WRONG_USE',
      `There is no letter ${missing}; millrace dlq peek names them.`,
    );
  return letters.filter(({ id, topic }) => named.includes(id) || named.includes(topic));
}

function isOf(name: string, topic: string): boolean {
  return (
    name === topic ||
    (name.startsWith(`${topic}/`) && /^\/\d+\/\d+$/.test(name.slice(topic.length)))
  );
}

async function peek(
  session: LogSession,
  of: {
    readonly named: readonly string[];
    readonly limit: number;
    readonly all: boolean;
    readonly json: boolean;
  },
  io: Io,
): Promise<ExitCode> {
  const letters = await lettersNamed(session, of.named);
  const shown = letters.filter(({ redriven }) => of.all || !redriven).slice(0, of.limit);
  const records = new RecordSource(session);
  const peeked: object[] = [];
  for (const letter of shown) {
    const record = await records.at(letter.topic, letter.partition, letter.offset);
    const payload = payloadOf(record?.value ?? null, session.codec);
    peeked.push({ ...letter, payload });
    if (of.json) continue;
    io.out(
      `${letter.id}  ${letter.at}  attempt ${letter.attempt}${letter.redriven ? '  redriven' : ''}`,
    );
    io.out(`  ${letter.error}: ${letter.error_message}`);
    io.out(
      `  ${letter.event_type ?? '?'} ${letter.event_id ?? '?'} of ${letter.correlation_id ?? '?'}`,
    );
    io.out(
      `  key ${letter.key ?? '(none)'}, from ${letter.original ?? '?'} by ${letter.application}`,
    );
    io.out(`  ${JSON.stringify(payload)}`);
  }
  if (of.json) io.out(JSON.stringify({ letters: peeked }));
  else io.out(`${shown.length} of ${letters.length} letters.`);
  return 0;
}

async function redriveNamed(
  session: LogSession,
  of: {
    readonly named: readonly string[];
    readonly json: boolean;
    readonly dryRun: boolean;
    readonly outOfOrder: boolean;
    readonly event: Uint8Array | null;
  },
  io: Io,
): Promise<ExitCode> {
  const letters = (await lettersNamed(session, of.named)).filter(({ redriven }) => !redriven);
  const plans =
    of.event === null
      ? await planLetters(session, letters)
      : [corrected(letters, of.event, session)];
  if (of.dryRun) return reportPlans(plans, of.json, io);
  return reportRedrive(await redrive(session, plans, of), of.json, io);
}

async function planLetters(
  session: LogSession,
  letters: readonly Letter[],
): Promise<readonly RedrivePlan[]> {
  const ofBots = letters.filter(isOfBots);
  const others = letters.filter((letter) => !isOfBots(letter));
  return [...(await planRedrive(session, others)), ...(await planBotLetters(session, ofBots))];
}

/** Throws: UsageError for a file that cannot be read. */
async function eventOf(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new UsageError('WRONG_USE', `--event ${file}: ${(error as Error).message}.`);
  }
}

function reportPlans(plans: readonly RedrivePlan[], json: boolean, io: Io): ExitCode {
  if (json) io.out(JSON.stringify({ dry_run: plans }));
  else
    for (const { letter, movedPast, outcome, error, states, emits } of plans) {
      const late = movedPast ? '  its key moved past it: needs --out-of-order' : '';
      io.out(`${letter.id}  ${outcome}${error === null ? '' : ` ${error}`}${late}`);
      for (const { actor, key, before, after } of states)
        io.out(`  ${actor} ${key}: ${JSON.stringify(before)} → ${JSON.stringify(after)}`);
      for (const { topic, type, payload } of emits)
        io.out(`  emits ${type ?? topic} to ${topic}: ${JSON.stringify(payload)}`);
    }
  if (!json) io.out(`${plans.length} letters looked at; nothing was sent.`);
  return plans.every(({ outcome }) => outcome === 'handled') ? 0 : 1;
}

function reportRedrive({ sent, left }: RedriveReport, json: boolean, io: Io): ExitCode {
  if (json) io.out(JSON.stringify({ sent, left }));
  else {
    for (const { id, why } of left) io.out(`${id} stays: ${why}.`);
    io.out(`${sent.length} redriven, ${left.length} left where they are.`);
  }
  return left.length > 0 ? 1 : 0;
}
