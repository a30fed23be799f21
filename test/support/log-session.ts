import type { LogSession } from '../../cli/log/log-session.ts';
import type { Topology } from '../../engine/topology.ts';
import type { EngineFixture } from './engine-fixture.ts';

/** What a command has that looks at the log of a fixture. */
export function logSessionOf(
  fixture: EngineFixture,
  topologies: readonly Topology[] = [fixture.topology()],
): LogSession {
  const { client, admin, codec, names } = fixture;
  return { client, admin, codec, names, reader: client.reader(), topologies };
}
