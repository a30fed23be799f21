import type { SdkReport } from './sdk.ts';
import type { StoreReport } from './store.ts';

/** What a run has to reach; the shares stand with each SDK (`goal` of its figures). */
const NOWAIT_MICROS = 50;
const ROWS_PER_SECOND = 10_000;
const STEADY_SECONDS = 60;
/** Of the last tenth of the events: a sink that falls behind has a lag that grows to the end. */
const END_LAG_MS = 2_000;

/** What of its goals a run of the SDKs missed, in words; empty: nothing. */
export function sdkMisses({ figures }: SdkReport): readonly string[] {
  return figures.flatMap(({ language, ratio, goal, nowait }) => {
    const micros = Math.round(nowait.p50 * 1000);
    return [
      ...(ratio >= goal ? [] : [`${language}: ${ratio} of the bare client's rate, not ${goal}`]),
      ...(micros <= NOWAIT_MICROS
        ? []
        : [`${language}: emit.nowait takes ${micros} µs p50, more than ${NOWAIT_MICROS}`]),
    ];
  });
}

/** What of its goals a run of the store missed, in words; empty: nothing. */
export function storeMisses({ plan, steady }: StoreReport): readonly string[] {
  const { rowsPerSecond, endLagMs } = steady;
  return [
    ...(plan.seconds >= STEADY_SECONDS
      ? []
      : [`it ran for ${plan.seconds} s; the goal is for ${STEADY_SECONDS}`]),
    ...(rowsPerSecond >= ROWS_PER_SECOND
      ? []
      : [`${rowsPerSecond} rows/s, fewer than ${ROWS_PER_SECOND}`]),
    ...(endLagMs <= END_LAG_MS
      ? []
      : [`at the end the lag is ${endLagMs} ms p50, more than ${END_LAG_MS}: it grows`]),
  ];
}
