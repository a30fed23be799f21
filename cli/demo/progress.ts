import { barText, type ProgressText, type ProgressView, progressViewOf } from '../progress-view.ts';
import type { DemoProgress } from './run-demo.ts';

/** Half of the bar is for answers, half for ends. */
const TEXT: ProgressText<DemoProgress> = {
  shareOf({ lines, answered, accepted, ended }) {
    const endedShare = accepted === 0 ? 1 : ended / accepted;
    return answered < lines ? answered / lines / 2 : 0.5 + endedShare / 2;
  },
  lineOf: ({ lines, answered, accepted, ended }) =>
    `${answered}/${lines} answered, ${ended}/${accepted} ended`,
};

/** The bar of the demonstration, as text. */
export function barOf(progress: DemoProgress): string {
  return barText(TEXT, progress);
}

/** Shows how far the demonstration is. */
export function progressView(
  stream: NodeJS.WriteStream,
  line: (text: string) => void,
): ProgressView<DemoProgress> {
  return progressViewOf(TEXT, stream, line);
}
