import type { Config } from '../../apps/config.ts';
import type { LogSession } from '../log/log-session.ts';
import { examineBots } from './bot-findings.ts';
import type { Finding } from './finding.ts';
import { examineGroups, examineLetters, examineTopics } from './log-findings.ts';
import { examineSequences } from './sequence-findings.ts';
import { examineServices } from './service-findings.ts';
import { examineTasks, type TaskReport } from './task-findings.ts';

export interface Diagnosis {
  readonly findings: readonly Finding[];
  readonly tasks: readonly TaskReport[];
}

export interface ExamineOptions {
  readonly sinceMs: number | null;
  readonly nowMs: number;
  /** Null: the apps are not asked. */
  readonly config: Config | null;
  readonly partitions: number;
}

/** Looks at everything, changes nothing. Throws: KafkaError; CodecError REGISTRY_AWAY. */
export async function examine(session: LogSession, options: ExamineOptions): Promise<Diagnosis> {
  const { sinceMs, nowMs, config, partitions } = options;
  const services = config === null ? [] : await examineServices(config);
  const topics = await examineTopics(session, { partitions, hasBots: config !== null });
  const existing = new Set(await session.admin.listTopics());
  const tasks: TaskReport[] = [];
  const ofTasks: Finding[] = [];
  for (const topology of session.topologies) {
    if (!existing.has(session.names.physical(topology.journal))) continue;
    const examined = await examineTasks(session, topology, nowMs);
    tasks.push(...examined.tasks);
    ofTasks.push(...examined.findings);
  }
  const findings = [
    ...services,
    ...topics,
    ...(await examineGroups(session)),
    ...(config === null ? [] : await examineBots(config, sinceMs)),
    ...ofTasks,
    ...(await examineLetters(session)),
    ...(await examineSequences(session, { sinceMs, nowMs })),
  ];
  const rank = { wrong: 0, note: 1 } as const;
  return { findings: findings.sort((one, other) => rank[one.level] - rank[other.level]), tasks };
}
