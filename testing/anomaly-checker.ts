import { deadLetterTopics, retryTopics } from '../engine/topology.ts';
import { EmitLedger } from './anomaly/emit-ledger.ts';
import { type Anomaly, type AnomalyKind, Findings } from './anomaly/findings.ts';
import { JournalFacts } from './anomaly/journal-facts.ts';
import {
  type Bounds,
  boundsOf,
  decodeValue,
  type LogView,
  readPartition,
} from './anomaly/log-view.ts';
import { checkOutput } from './anomaly/output-check.ts';
import { checkSource } from './anomaly/source-check.ts';

export type { Anomaly, AnomalyKind } from './anomaly/findings.ts';

/** A read model whose value follows from one actor's state; only its author can say so. */
export interface ReadModelRule {
  readonly topic: string;
  readonly actor: string;
  /** What the read model must hold for a state of the actor; looked at when `settled`. */
  readonly value: (state: unknown) => unknown;
}

export interface AnomalyCheckOptions extends Omit<LogView, 'signal'> {
  /** The application is stopped or idle: what is missing now is lost, and not on its way. Default: false. */
  readonly settled?: boolean;
  readonly readModelRules?: readonly ReadModelRule[];
  /** Default: ten minutes. */
  readonly signal?: AbortSignal;
}

export interface AnomalyReport {
  readonly application: string;
  /** The first hundred. */
  readonly anomalies: readonly Anomaly[];
  readonly counts: Readonly<Record<AnomalyKind, number>>;
  readonly batches: number;
  readonly fences: number;
  /** Written by somebody who did not own the task any more; they count for nothing (J2). */
  readonly voidBatches: number;
  readonly inputs: number;
  readonly outputs: number;
  /** Outputs that stand on their topic again; readers drop them by origin (J7a). */
  readonly visibleDuplicates: number;
  /** Not handled, not published yet; 0 when `settled`. */
  readonly pending: { readonly inputs: number; readonly outputs: number };
}

const LIMIT_MS = 600_000;

/**
 * Reads every topic of one application, from start to end, and says what is lost, doubled, reordered or torn.
 * Changes nothing and joins no group; the application may run meanwhile. J1, J2, J5, J6, J7 as a reader sees them.
 *
 * Order: ends of the outputs, then the journals, then the ends of the sources, so that whatever stands on an output is
 * journaled, and whatever the journal names stands on a source.
 * Limits: memory, some 500 bytes an input or emit.
 * Throws: EngineError JOURNAL_UNREADABLE; KafkaError; CodecError REGISTRY_AWAY.
 */
export async function checkAnomalies(options: AnomalyCheckOptions): Promise<AnomalyReport> {
  return new AnomalyCheck(options).run();
}

class AnomalyCheck {
  readonly #view: LogView;
  readonly #options: AnomalyCheckOptions;
  readonly #settled: boolean;
  readonly #findings = new Findings();
  readonly #ledger = new EmitLedger();
  readonly #facts: JournalFacts[] = [];

  constructor(options: AnomalyCheckOptions) {
    this.#options = options;
    this.#settled = options.settled === true;
    this.#view = { ...options, signal: options.signal ?? AbortSignal.timeout(LIMIT_MS) };
  }

  async run(): Promise<AnomalyReport> {
    const { topology } = this.#view;
    const outputs = await boundsOf(this.#view, [
      ...topology.sinks,
      ...topology.readModels.keys(),
      ...deadLetterTopics(topology),
      ...retryTopics(topology),
    ]);
    await this.#readJournals(outputs);
    const waiting = await this.#checkSources();
    const counts = { outputs: 0, visibleDuplicates: 0, pending: 0 };
    for (const [topic, partitions] of outputs)
      for (const [partition, bounds] of partitions.entries()) {
        const { records, visibleDuplicates, pending } = await checkOutput({
          ...{ view: this.#view, topic, partition, bounds, facts: this.#facts },
          ...{ ledger: this.#ledger, findings: this.#findings, settled: this.#settled },
        });
        counts.outputs += records;
        counts.visibleDuplicates += visibleDuplicates;
        counts.pending += pending;
      }
    if (this.#settled)
      for (const rule of this.#options.readModelRules ?? [])
        await this.#checkReadModel(rule, outputs);
    return {
      application: topology.application,
      anomalies: this.#findings.listed,
      counts: this.#findings.counts,
      batches: this.#sum(({ batches }) => batches),
      fences: this.#sum(({ fences }) => fences),
      voidBatches: this.#sum(({ journal }) => journal.voidBatches),
      inputs: this.#sum(({ inputs }) => inputs),
      outputs: counts.outputs,
      visibleDuplicates: counts.visibleDuplicates,
      pending: { inputs: waiting, outputs: counts.pending },
    };
  }

  async #readJournals(outputs: ReadonlyMap<string, readonly Bounds[]>): Promise<void> {
    const view = this.#view;
    const { journal } = view.topology;
    const endOf = (output: string): number | undefined => {
      const slash = output.lastIndexOf('/');
      return outputs.get(output.slice(0, slash))?.[Number(output.slice(slash + 1))]?.end;
    };
    const partitions = (await boundsOf(view, [journal])).get(journal) ?? [];
    const [findings, ledger] = [this.#findings, this.#ledger];
    for (const [partition, bounds] of partitions.entries())
      this.#facts.push(
        await JournalFacts.read({ view, partition, bounds, findings, ledger, endOf }),
      );
  }

  async #checkSources(): Promise<number> {
    const view = this.#view;
    const { topology, admin, names } = view;
    const sources = await boundsOf(view, topology.sources);
    const described = await admin.describeTopics(
      [...sources.keys()].map((each) => names.physical(each)),
    );
    const ids = new Map(described.map(({ name, id }) => [names.logical(name), id]));
    let pending = 0;
    for (const [topic, partitions] of sources) {
      if (topology.lossySources.has(topic)) continue;
      for (const [partition, facts] of this.#facts.entries()) {
        const position = facts.journal.state.positions.get(topic);
        if (position !== undefined && position.topic_id !== ids.get(topic)) {
          this.#findings.add(
            'lost',
            `${topic}/${partition}`,
            'the topic was deleted and made again',
          );
          continue;
        }
        const bounds = partitions[partition] ?? { start: 0, end: 0 };
        const [findings, settled] = [this.#findings, this.#settled];
        pending += await checkSource({ view, topic, partition, bounds, facts, findings, settled });
      }
    }
    return pending;
  }

  /** The newest value on the topic against the state in the journal. */
  async #checkReadModel(
    { topic, actor, value }: ReadModelRule,
    outputs: ReadonlyMap<string, readonly Bounds[]>,
  ): Promise<void> {
    const view = this.#view;
    for (const [partition, bounds] of (outputs.get(topic) ?? []).entries()) {
      const shown = new Map<string, string>();
      await readPartition(view, { topic, partition, ...bounds }, async (record) => {
        const key = Buffer.from(record.key ?? []).toString();
        if (record.value === null) shown.delete(key);
        else shown.set(key, JSON.stringify((await decodeValue(view.codec, record.value)).value));
      });
      const states = this.#facts[partition]?.journal.state.states.get(actor) ?? new Map();
      for (const [key, { json }] of states as ReadonlyMap<string, { readonly json: string }>) {
        const wanted = JSON.stringify(value(JSON.parse(json)));
        if (shown.get(key) === wanted) continue;
        const what = `key ${key} shows ${shown.get(key) ?? 'nothing'}, the state says ${wanted}`;
        this.#findings.add('torn', `${topic}/${partition}`, what);
      }
    }
  }

  #sum(of: (facts: JournalFacts) => number): number {
    return this.#facts.reduce((sum, facts) => sum + of(facts), 0);
  }
}

/** Whether a report has no anomaly. */
export function isClean({ counts }: AnomalyReport): boolean {
  return Object.values(counts).every((count) => count === 0);
}
