/** What is run for a part: no shell stands between. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  /** Added to the environment of the caller. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * One process of the local system: a server (Kafka, registry, Postgres, Redis) or an app.
 *
 * Order: `prepare` before each start; then the process; `probe` until it says true; `finish` once after.
 */
export interface Part {
  readonly name: string;
  readonly port: number;
  /** The environment variable that moves it to another port. */
  readonly portVariable: string;
  /** The signal that asks it to end in order. */
  readonly stopSignal: NodeJS.Signals;
  /** Makes what the start needs: folders, settings, a formatted store. Does nothing twice. */
  prepare(): Promise<Command>;
  /** Whether it answers now. Never throws, and takes at most PROBE_TIMEOUT_MS. */
  probe(): Promise<boolean>;
  /** What has to exist in it before others use it. Does nothing twice. */
  finish?(): Promise<void>;
}

/** How long one question to a part may take. */
export const PROBE_TIMEOUT_MS = 1_000;
/** Between two questions while a part starts. */
export const PROBE_EVERY_MS = 50;
/** A start on a slow machine, with room to spare. */
export const READY_TIMEOUT_MS = 60_000;

/** A part of the local system could not be started, or did not answer in time. */
export class PartError extends Error {
  override readonly name = 'PartError';
  readonly code: 'MISSING' | 'NOT_PREPARED' | 'EXITED' | 'NOT_READY' | 'PORT_BUSY';
  readonly reaction = 'stop';
  readonly part: string;

  constructor(
    code: PartError['code'],
    part: string,
    message: string,
    options: { readonly cause?: unknown } = {},
  ) {
    super(message, options);
    this.code = code;
    this.part = part;
  }
}

/** Answers whether something of `question` came true, without throwing and within PROBE_TIMEOUT_MS. */
export async function answers(
  question: (signal: AbortSignal) => Promise<boolean>,
): Promise<boolean> {
  try {
    return await question(AbortSignal.timeout(PROBE_TIMEOUT_MS));
  } catch {
    return false;
  }
}
