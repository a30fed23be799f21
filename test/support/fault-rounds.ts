import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { kafkaPart } from '../../cli/stack/kafka.ts';
import { ownServer, type OwnServer } from '../integration/own-servers.ts';
import { FAULT_KINDS, type FaultKind } from './fault-kinds.ts';
import { type FaultRow, rowText, runFault } from './fault-run.ts';
import { KillSteps } from './fault-steps.ts';

/*
 * npm run test:fault -- [--rounds 30] [--kind kill]… [--json file]
 * On the broker that KAFKA_BROKERS names; without it, and for kinds that stop it, on one of its own.
 * Exit 0: no anomaly; 1: an anomaly, or too few kills in a step; 2: wrong use.
 */

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '30' },
    kind: { type: 'string', multiple: true, default: [] },
    json: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const kinds = FAULT_KINDS.filter(
  ({ name }) => values.kind.length === 0 || values.kind.includes(name),
);
if (!Number.isSafeInteger(rounds) || rounds < 1 || kinds.length < values.kind.length) {
  const names = FAULT_KINDS.map(({ name }) => name).join(', ');
  console.error(`--rounds takes a whole number from 1, --kind one of ${names}.`);
  process.exit(2);
}
/** Enough kills that each step must have had its share. */
const ENOUGH_ROUNDS = 30;
const given = process.env['KAFKA_BROKERS'];
const steps = new KillSteps();
const rows: FaultRow[] = [];
const problems: string[] = [];
const servers: OwnServer[] = [];
try {
  for (const kind of kinds) await runOne(kind);
} finally {
  for (const server of servers) await server.remove();
}
report();
process.exit();

async function runOne(kind: FaultKind): Promise<void> {
  const own = kind.needsOwnBroker === true || given === undefined ? await ownBroker() : null;
  const brokers = own === null ? (given ?? '').split(',') : [`127.0.0.1:${own.port}`];
  try {
    const row = await runFault(kind, { brokers, rounds: roundsOf(kind), steps, broker: own });
    rows.push(row);
    console.log(rowText(row));
    if (row.anomalies > 0) problems.push(`${kind.name}: ${row.anomalies} anomalies`);
  } catch (error) {
    console.log(`${kind.name.padEnd(15)}failed: ${(error as Error).message}`);
    problems.push(`${kind.name}: ${(error as Error).message}`);
  }
}

async function ownBroker(): Promise<OwnServer> {
  const [known] = servers;
  if (known !== undefined) return known;
  const server = await ownServer((place) => ({ ...kafkaPart(place), stopSignal: 'SIGKILL' }));
  servers.push(server);
  await server.start();
  return server;
}

/** A third of the kills fall early; the rest of the kinds take longer a round. */
function roundsOf({ name }: FaultKind): number {
  if (name === 'kill') return rounds;
  return Math.max(1, Math.ceil(rounds / (name === 'kill-early' ? 3 : 10)));
}

function report(): void {
  const killed = steps.kills > 0;
  if (killed) console.log(steps.text);
  for (const { verdict, kind } of rows)
    for (const { application, anomalies } of verdict.reports)
      for (const { kind: what, where, what: how } of anomalies.slice(0, 10))
        console.log(`${kind}: ${application}: ${what} ${where}: ${how}`);
  try {
    if (killed && rounds >= ENOUGH_ROUNDS) steps.requireEvery();
  } catch (error) {
    problems.push((error as Error).message);
  }
  const folder = join(import.meta.dirname, '..', '..', 'test-results');
  mkdirSync(folder, { recursive: true });
  const result = { rounds, rows, kills: steps.kills, steps: steps.byStep, problems };
  writeFileSync(values.json ?? join(folder, 'faults.json'), `${JSON.stringify(result, null, 2)}\n`);
  for (const problem of problems) console.log(`PROBLEM ${problem}`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}
