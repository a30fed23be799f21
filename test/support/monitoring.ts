import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { ROOT } from '../../cli/stack/programs.ts';

/* What deploy/ gives Prometheus and Grafana, as tests read it. */

export interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly targets?: readonly { readonly refId: string; readonly expr: string }[];
}

export interface Dashboard {
  readonly file: string;
  readonly uid: string;
  readonly title: string;
  readonly panels: readonly Panel[];
}

export const ALERTS_FILE = join(ROOT, 'deploy', 'prometheus', 'alerts.yml');
export const ALERTS_TEST_FILE = join(ROOT, 'deploy', 'prometheus', 'alerts.test.yml');
const DASHBOARDS = join(ROOT, 'deploy', 'grafana', 'dashboards');

export function readAlerts(): readonly Alert[] {
  const { groups } = parse(readFileSync(ALERTS_FILE, 'utf8')) as {
    readonly groups: readonly { readonly rules: readonly Alert[] }[];
  };
  return groups.flatMap(({ rules }) => rules);
}

export function readDashboards(): readonly Dashboard[] {
  return readdirSync(DASHBOARDS).map((file) => ({
    ...(JSON.parse(readFileSync(join(DASHBOARDS, file), 'utf8')) as Dashboard),
    file,
  }));
}

/** The expressions of panels. */
export const shown = (dashboards: readonly Dashboard[]): readonly string[] =>
  dashboards.flatMap(({ panels }) =>
    panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
  );

/** The metric names that an expression asks for, as they are registered. */
export function metricsIn(expression: string): readonly string[] {
  const found = expression.matchAll(/\b(up|intents?_[a-z_]+|millrace_[a-z_]+)\b/g);
  return [...found].map(([, name = '']) => name.replace(/_(bucket|count|sum)$/, ''));
}

/** The labels that it sums by or chooses by, but for those that Prometheus itself adds. */
export function labelsIn(expression: string): readonly string[] {
  const summed = [...expression.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) =>
    list.split(',').map((label) => label.trim()),
  );
  const chosen = [...expression.matchAll(/[{,]\s*(\w+)\s*(?:=|!=|=~|!~)"/g)].map(
    ([, label = '']) => label,
  );
  return [...summed, ...chosen].filter((label) => !['job', 'instance', 'le'].includes(label));
}
