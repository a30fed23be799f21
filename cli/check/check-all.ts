import { type AnomalyReport, checkAnomalies } from '../../testing/anomaly-checker.ts';
import { type LogSession, topologyOf } from '../log/log-session.ts';

/** Reports of the named applications, or of all that have a journal. Throws: UsageError. */
export async function checkAll(
  session: LogSession,
  applications: readonly string[],
  settled: boolean,
): Promise<readonly AnomalyReport[]> {
  const existing = new Set(await session.admin.listTopics());
  const wanted =
    applications.length === 0
      ? session.topologies
      : applications.map((name) => topologyOf(session, name));
  const reports: AnomalyReport[] = [];
  for (const topology of wanted)
    if (existing.has(session.names.physical(topology.journal)))
      reports.push(await checkAnomalies({ ...session, topology, settled }));
  return reports;
}
