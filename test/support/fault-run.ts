import { Crew, type CrewOptions, type Verdict } from './crew.ts';
import type { BrokerControl, FaultKind } from './fault-kinds.ts';
import type { KillSteps } from './fault-steps.ts';

export interface FaultRow {
  readonly kind: string;
  readonly rounds: number;
  readonly anomalies: number;
  readonly verdict: Verdict;
  readonly sent: number;
  readonly remark: string;
  readonly seconds: number;
}

export interface FaultRunOptions extends CrewOptions {
  readonly rounds: number;
  readonly steps: KillSteps;
  readonly broker: BrokerControl | null;
}

/** Runs one kind of fault against a crew of its own, and holds all its topics against each other. */
export async function runFault(kind: FaultKind, options: FaultRunOptions): Promise<FaultRow> {
  const { rounds } = options;
  const startedAt = performance.now();
  const crew = await Crew.start(options);
  try {
    const remark = await kind.act({ ...options, crew });
    const verdict = await crew.verdict();
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    const { anomalies } = verdict;
    return { kind: kind.name, rounds, anomalies, verdict, sent: crew.sent, remark, seconds };
  } finally {
    await crew.end();
  }
}

/** A row for people. */
export function rowText({ kind, anomalies, verdict, sent, remark, seconds }: FaultRow): string {
  const voids = verdict.reports.reduce((sum, { voidBatches }) => sum + voidBatches, 0);
  const fences = verdict.reports.reduce((sum, each) => sum + each.fences, 0);
  const cells = [
    kind.padEnd(15),
    `${anomalies} anomalies`.padEnd(13),
    `${sent} sent`.padEnd(12),
    `${fences} fences`.padEnd(11),
    `${voids} void`.padEnd(8),
    `${verdict.visibleDuplicates} published again`.padEnd(20),
    `${seconds} s`.padEnd(7),
    remark,
  ];
  return cells.join('').trimEnd();
}
