import type { DemoProgress } from './run-demo.ts';

const BAR_WIDTH = 30;
const LINE_EVERY_MS = 2_000;

/** Shows how far the demonstration is. */
export interface ProgressView {
  show(progress: DemoProgress): void;
  /** Takes the bar away, or says the last line. */
  end(): void;
}

/** The bar, as text: half of it for answers, half for ends. */
export function barOf(progress: DemoProgress): string {
  const filled = Math.round(shareOf(progress) * BAR_WIDTH);
  return `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)} ${lineOf(progress)}`;
}

/** The same without a bar. */
export function lineOf({ lines, answered, accepted, ended }: DemoProgress): string {
  return `${answered}/${lines} answered, ${ended}/${accepted} ended`;
}

function shareOf({ lines, answered, accepted, ended }: DemoProgress): number {
  const endedShare = accepted === 0 ? 1 : ended / accepted;
  return answered < lines ? answered / lines / 2 : 0.5 + endedShare / 2;
}

/** On a terminal a bar that is written over; elsewhere a plain line every two seconds and a last one. */
export function progressView(
  stream: NodeJS.WriteStream,
  line: (text: string) => void,
): ProgressView {
  return stream.isTTY ? bar(stream) : plain(line);
}

function bar(stream: NodeJS.WriteStream): ProgressView {
  return {
    show: (progress) => void stream.write(`\r${barOf(progress)}\u001b[K`),
    end: () => void stream.write('\r\u001b[K'),
  };
}

function plain(line: (text: string) => void): ProgressView {
  let saidAt = performance.now();
  let said = '';
  let last = '';
  const say = (): void => {
    if (last !== said) line(last);
    said = last;
    saidAt = performance.now();
  };
  return {
    show: (progress) => {
      last = lineOf(progress);
      if (performance.now() - saidAt >= LINE_EVERY_MS) say();
    },
    end: say,
  };
}
