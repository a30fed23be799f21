const BAR_WIDTH = 30;
const LINE_EVERY_MS = 2_000;

/** Shows how far something is. */
export interface ProgressView<Progress> {
  show(progress: Progress): void;
  /** Takes the bar away, or says the last line. */
  end(): void;
}

/** How a progress looks. */
export interface ProgressText<Progress> {
  /** 0 to 1. */
  readonly shareOf: (progress: Progress) => number;
  readonly lineOf: (progress: Progress) => string;
}

/** The bar, as text. */
export function barText<Progress>(text: ProgressText<Progress>, progress: Progress): string {
  const filled = Math.round(text.shareOf(progress) * BAR_WIDTH);
  return `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)} ${text.lineOf(progress)}`;
}

/** On a terminal a bar that is written over; elsewhere a plain line every two seconds and a last one. */
export function progressViewOf<Progress>(
  text: ProgressText<Progress>,
  stream: NodeJS.WriteStream,
  line: (text: string) => void,
): ProgressView<Progress> {
  return stream.isTTY ? bar(text, stream) : plain(text, line);
}

function bar<Progress>(
  text: ProgressText<Progress>,
  stream: NodeJS.WriteStream,
): ProgressView<Progress> {
  return {
    show: (progress) => void stream.write(`\r${barText(text, progress)}\u001b[K`),
    end: () => void stream.write('\r\u001b[K'),
  };
}

function plain<Progress>(
  { lineOf }: ProgressText<Progress>,
  line: (text: string) => void,
): ProgressView<Progress> {
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
