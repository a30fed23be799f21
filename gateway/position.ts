import { setTimeout as pause } from 'node:timers/promises';
import type { FastifyRequest } from 'fastify';
import { isUlid, isUuid, newCorrelationId, parseCorrelationId } from '../avro/index.ts';
import { Problem } from './problem.ts';

/** The header that a write answers with, and that a read is asked with to see that write. */
export const POSITION = 'X-Millrace-Position';

/** How long a read waits for what it is asked to see. */
const WAIT_MS = 2_000;
const LOOK_EVERY_MS = 20;

/** Where a write stands in its correlation: `intent-<id>@<sequence>`. */
export interface WritePosition {
  readonly intentId: string;
  readonly sequence: number;
}

const FORM = /^(?<correlation>intent-[0-9A-Za-z-]{26,36})@(?<sequence>[1-9]\d{0,8})$/;

export function positionText({ intentId, sequence }: WritePosition): string {
  return `${newCorrelationId(intentId)}@${sequence}`;
}

/** The position that a read is asked with; null: none. Throws: Problem BAD_REQUEST. */
export function positionOf({ headers }: Pick<FastifyRequest, 'headers'>): WritePosition | null {
  const given = headers[POSITION.toLowerCase()];
  if (given === undefined) return null;
  const { correlation = '', sequence } = FORM.exec(String(given))?.groups ?? {};
  const id = correlation.slice('intent-'.length);
  if (sequence === undefined || !(isUuid(id) || isUlid(id)))
    throw new Problem('BAD_REQUEST', `${POSITION} is not one; send what a 202 had in that header`);
  return { intentId: parseCorrelationId(correlation), sequence: Number(sequence) };
}

/** Waits until a read sees the position. Throws: Problem POSITION_NOT_REACHED after 2 s. */
export async function reached(
  position: WritePosition | null,
  isSeen: (position: WritePosition) => Promise<boolean>,
): Promise<void> {
  if (position === null) return;
  const deadline = performance.now() + WAIT_MS;
  while (!(await isSeen(position))) {
    if (performance.now() + LOOK_EVERY_MS > deadline)
      throw new Problem(
        'POSITION_NOT_REACHED',
        `${positionText(position)} cannot be read yet after ${WAIT_MS} ms; ask again, or without ${POSITION}`,
      );
    await pause(LOOK_EVERY_MS);
  }
}
