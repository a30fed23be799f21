import { type Codec, CodecError } from './codec.ts';
import type { Micros } from './event.ts';
import type { SourceRecord } from './task.ts';

/** Record of an operator's word on `<application>.control`, under the key that it is about. */
export const COMMAND_RECORD = 'millrace.control.v1.Command';

/** release: the blocked key's head is handled again; drop: it is set aside, and the others go on. */
export interface Command {
  readonly id: string;
  readonly act: 'release' | 'drop';
  readonly actor: string;
  readonly key: string;
  /** drop: event id of the head as the operator saw it; otherwise empty. */
  readonly event_id: string;
  readonly issued_by: string;
  readonly issued_at: Micros;
}

export function decodeCommand(
  { value }: SourceRecord,
  codec: Codec,
): Command | { readonly code: string; readonly reason: string } {
  try {
    const decoded = codec.decode(value ?? new Uint8Array());
    if (decoded.record === COMMAND_RECORD) return decoded.value as Command;
    return { code: 'UNDECODABLE', reason: `${decoded.record} is not a ${COMMAND_RECORD}.` };
  } catch (error) {
    if (error instanceof CodecError) return { code: error.code, reason: error.message };
    throw error;
  }
}
