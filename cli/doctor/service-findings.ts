import { APP_NAMES, type Config } from '../../apps/config.ts';
import type { Finding } from './finding.ts';
import { metricValue } from './metric-text.ts';

const ANSWER_MS = 4_000;
/** Heartbeats and timers suffer from here on. */
const LATE_SECONDS = 0.1;

/** What `/health` and `/metrics` of the apps say. */
export async function examineServices({ service }: Config): Promise<readonly Finding[]> {
  const host = service.host === '0.0.0.0' ? '127.0.0.1' : service.host;
  const all = await Promise.all(
    APP_NAMES.map((app) => examineService(app, `http://${host}:${service.ports[app]}`)),
  );
  return all.flat();
}

export async function examineService(app: string, url: string): Promise<readonly Finding[]> {
  const health = await get(`${url}/health`);
  if (health === null) {
    return [
      {
        level: 'wrong',
        code: 'SERVICE_AWAY',
        where: app,
        what: `nothing answers at ${url}`,
        remedy: `See millrace stack status and its log; start it with millrace stack start ${app}.`,
      },
    ];
  }
  const metrics = (await get(`${url}/metrics`)) ?? '';
  return [...healthFindings(app, health), ...metricFindings(app, metrics)];
}

function healthFindings(app: string, text: string): readonly Finding[] {
  const { status, components } = JSON.parse(text) as {
    readonly status: string;
    readonly components: Readonly<Record<string, { readonly status: string }>>;
  };
  if (status === 'healthy') return [];
  const sick = Object.entries(components).filter(([, each]) => each.status !== 'healthy');
  return [
    {
      level: 'wrong',
      code: 'SERVICE_UNHEALTHY',
      where: app,
      what: `not healthy: ${sick.map(([name]) => name).join(', ')}`,
      remedy: 'Bring back what it names; the app goes on by itself. For tasks see its log.',
    },
  ];
}

function metricFindings(app: string, text: string): readonly Finding[] {
  const findings: Finding[] = [];
  const late = metricValue(text, 'millrace_event_loop_delay_seconds');
  if (late > LATE_SECONDS)
    findings.push({
      level: 'note',
      code: 'EVENT_LOOP_LATE',
      where: app,
      what: `its event loop ran up to ${(late * 1000).toFixed(0)} ms late (p99 since the last look)`,
      remedy:
        'Give the process more of a processor, or fewer tasks; look for a handler that takes long.',
    });
  const fired = metricValue(text, 'millrace_watchdog_total');
  if (fired > 0)
    findings.push({
      level: 'note',
      code: 'WATCHDOG_FIRED',
      where: app,
      what: `its watchdog took ${fired} stalled tasks again`,
      remedy: 'See the dump in its log; once is a hiccup, often is a slow broker or handler.',
    });
  return findings;
}

async function get(url: string): Promise<string | null> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) });
    return await response.text();
  } catch {
    return null;
  }
}
