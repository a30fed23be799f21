import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { createMetrics } from '../../apps/metrics.ts';
import { metricsIn, type Panel, readAlerts, readDashboards, shown } from '../support/monitoring.ts';

const alerts = readAlerts();
const dashboards = readDashboards();
const PORTS = { gateway: 3000, trading: 3001, orchestrator: 3002, coordinator: 3003 };

async function registered(): Promise<readonly string[]> {
  return (await createMetrics().registry.getMetricsAsJSON()).map(({ name }) => name);
}

describe('Prometheus', () => {
  it.each(Object.entries(PORTS))('scrapes %s', (app, port) => {
    const file = readFileSync('deploy/prometheus/prometheus.yml', 'utf8');
    const { scrape_configs: scrapes } = parse(file) as {
      scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[];
    };
    const scrape = scrapes.find(({ job_name }) => job_name === app);
    expect(scrape?.static_configs[0]?.targets).toEqual([`${app}:${port}`]);
  });

  it('says a remedy with every alert, and names none twice', () => {
    for (const alert of alerts) expect(alert.annotations['remedy'], alert.alert).toMatch(/\w/);
    expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length);
  });

  it('asks only for metrics that a process has', async () => {
    const known = new Set(['up', ...(await registered())]);
    const asked = [...shown(dashboards), ...alerts.map(({ expr }) => expr)].flatMap(metricsIn);
    expect(asked.length).toBeGreaterThan(20);
    expect([...new Set(asked)].filter((name) => !known.has(name))).toEqual([]);
  });
});

describe('Grafana', () => {
  it('has a dashboard each for engine, trading and bots', () => {
    expect(dashboards.map(({ uid }) => uid).sort()).toEqual([
      'millrace-bots',
      'millrace-engine',
      'millrace-trading',
    ]);
    expect(new Set(dashboards.map(({ title }) => title)).size).toBe(dashboards.length);
  });

  it('shows every metric of the system on one of them', async () => {
    const own = (await registered()).filter((name) => /^(millrace|intent)/.test(name));
    const asked = new Set(shown(dashboards).flatMap(metricsIn));
    expect(own.filter((name) => !asked.has(name))).toEqual([]);
  });

  it.each(dashboards)('draws no panel of $file over another, and each by its own id', (board) => {
    const { panels } = board;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    for (const panel of panels) {
      expect(panel.gridPos.x + panel.gridPos.w).toBeLessThanOrEqual(24);
      expect(panels.filter((other) => overlap(panel, other)).map(({ title }) => title)).toEqual([
        panel.title,
      ]);
      if (panel.type !== 'row') expect(panel.targets?.length, panel.title).toBeGreaterThan(0);
    }
  });
});

function overlap({ gridPos: one }: Panel, { gridPos: other }: Panel): boolean {
  return (
    one.x < other.x + other.w &&
    other.x < one.x + one.w &&
    one.y < other.y + other.h &&
    other.y < one.y + one.h
  );
}
