import { latencyRows, flatOutRows, type ChainReport } from './chain/report.ts';

/*
 * Pictures of a run of the chain, as SVG that a README shows: percentile curves at one rate, and bars that compare. Strings
 * only; the same result gives the same bytes, which a test holds the files to.
 */

const WIDTH = 760;
const HEIGHT = 400;
const LEFT = 70;
const RIGHT = 190;
const TOP = 46;
const BOTTOM = 52;
/** Told apart also by who sees no red or green. */
const COLOURS = ['#0072b2', '#555555', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];
const FONT = 'font-family="system-ui, sans-serif" font-size="12" fill="#333333"';
/** Percents that the axis of a curve names. */
const TICKS = [50, 90, 99, 99.9];

interface Curve {
  readonly name: string;
  readonly points: readonly (readonly [percent: number, ms: number])[];
}

/** Latency by percentile at one rate, a curve a system: both axes logarithmic, the one of percents by what is above it. */
export function percentilesSvg(report: Pick<ChainReport, 'latency'>, rate: number): string {
  const curves = curvesOf(report, rate);
  const all = curves.flatMap(({ points }) => points.map(([, ms]) => ms));
  const [low, high] = [Math.min(...all) / 1.2, Math.max(...all) * 1.2];
  const x = (percent: number): number =>
    scale(-Math.log10(1 - Math.min(percent, 99.95) / 100), [0, 3.3], [LEFT, WIDTH - RIGHT]);
  const y = (ms: number): number =>
    scale(Math.log10(ms), [Math.log10(low), Math.log10(high)], [HEIGHT - BOTTOM, TOP]);
  const grid = [
    ...TICKS.map(
      (percent) =>
        line(x(percent), TOP, x(percent), HEIGHT - BOTTOM) +
        text(x(percent), HEIGHT - BOTTOM + 18, `${percent} %`, 'middle'),
    ),
    ...decades(low, high).map(
      (ms) =>
        line(LEFT, y(ms), WIDTH - RIGHT, y(ms)) + text(LEFT - 8, y(ms) + 4, `${ms} ms`, 'end'),
    ),
  ];
  const drawn = curves.map(({ name, points }, index) => {
    const colour = COLOURS[index % COLOURS.length] ?? '';
    const path = points.map(([percent, ms]) => `${round(x(percent))},${round(y(ms))}`).join(' ');
    return (
      `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>` +
      legend(name, colour, index)
    );
  });
  const title = `Input to last output at ${rate}/s, by percentile; lower is better`;
  return svg(title, HEIGHT, [...grid, ...drawn]);
}

/** p50 and p99 at one rate, and the rate flat out, a bar a system. */
export function comparisonSvg(
  report: Pick<ChainReport, 'latency' | 'flatOut'>,
  rate: number,
): string {
  const rows = latencyRows(report).filter((row) => row.rate === rate);
  const flat = new Map(flatOutRows(report).map((row) => [row.system, row.inputsPerSecond]));
  const groups = [
    { title: `p50 at ${rate}/s, ms`, of: rows.map((row) => [row.system, row.p50] as const) },
    { title: `p99 at ${rate}/s, ms`, of: rows.map((row) => [row.system, row.p99] as const) },
    {
      title: 'flat out, thousand inputs/s',
      of: rows.map((row) => [row.system, (flat.get(row.system) ?? 0) / 1_000] as const),
    },
  ];
  const barHeight = 18;
  let top = TOP;
  const drawn = groups.map(({ title, of }) => {
    const most = Math.max(...of.map(([, value]) => value), 0.001);
    const head = text(16, top + 14, title, 'start', 'font-weight="600"');
    const bars = of.map(([name, value], index) => {
      const y = top + 24 + index * barHeight;
      const width = scale(value, [0, most], [0, WIDTH - 330]);
      const colour = COLOURS[index % COLOURS.length] ?? '';
      return (
        text(170, y + 12, name, 'end') +
        `<rect x="178" y="${y}" width="${round(width)}" height="${barHeight - 5}" fill="${colour}"/>` +
        text(186 + width, y + 12, String(round(value)), 'start')
      );
    });
    top += 36 + of.length * barHeight;
    return head + bars.join('');
  });
  return svg('The same chain, the same broker, the same run', top + 12, drawn);
}

/** The mean of a system's rounds at each percent. */
function curvesOf({ latency }: Pick<ChainReport, 'latency'>, rate: number): readonly Curve[] {
  const phases = latency.filter((phase) => phase.rate === rate);
  return [...Map.groupBy(phases, ({ system }) => system)].map(([name, own]) => {
    const percents = own[0]?.curve.map(([percent]) => percent) ?? [];
    return {
      name,
      points: percents.map((percent, index) => {
        const values = own.map(({ curve }) => curve[index]?.[1] ?? 0);
        return [percent, values.reduce((sum, value) => sum + value, 0) / values.length] as const;
      }),
    };
  });
}

function decades(low: number, high: number): readonly number[] {
  const all: number[] = [];
  for (let power = -2; power < 7; power++)
    for (const step of [1, 2, 5]) {
      const value = Number((step * 10 ** power).toPrecision(1));
      if (value >= low && value <= high) all.push(value);
    }
  return all;
}

function scale(value: number, from: readonly number[], to: readonly number[]): number {
  const [low = 0, high = 1] = from;
  const [start = 0, end = 1] = to;
  return start + ((value - low) / (high - low)) * (end - start);
}

function line(x1: number, y1: number, x2: number, y2: number): string {
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="#dddddd"/>`;
}

function text(x: number, y: number, what: string, anchor: string, more = ''): string {
  const at = `x="${round(x)}" y="${round(y)}" text-anchor="${anchor}"`;
  return `<text ${at} ${FONT} ${more}>${what}</text>`;
}

function legend(name: string, colour: string, index: number): string {
  const y = TOP + 12 + index * 20;
  const x = WIDTH - RIGHT + 16;
  return (
    `<rect x="${x}" y="${y - 9}" width="12" height="12" fill="${colour}"/>` +
    text(x + 18, y + 2, name, 'start')
  );
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function svg(title: string, height: number, parts: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${round(height)}" role="img" aria-label="${title}">`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    text(16, 26, title, 'start', 'font-weight="600"'),
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}
