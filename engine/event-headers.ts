import type { ReplyAddress } from './actor.ts';
import { type Envelope, HEADER, type Headers } from './event.ts';

/** The headers every event carries; what is null is absent. Source: docs/reference/interfaces.md. */
export function envelopeHeaders(envelope: Envelope): Record<string, string> {
  const headers: Record<string, string> = {
    [HEADER.eventId]: envelope.event_id,
    [HEADER.eventType]: envelope.event_type,
    [HEADER.family]: envelope.family,
    [HEADER.correlationId]: envelope.correlation_id,
    [HEADER.priority]: envelope.priority,
  };
  if (envelope.causation_id !== null) headers[HEADER.causationId] = envelope.causation_id;
  if (envelope.sequence !== null) headers[HEADER.sequence] = String(envelope.sequence);
  return headers;
}

/** Where answers to what is told go; none: it asks for none. */
export function addressHeaders(address: ReplyAddress | undefined): Headers {
  if (address === undefined) return {};
  const headers = { [HEADER.replyKey]: address.key };
  return address.topic === null ? headers : { ...headers, [HEADER.replyTopic]: address.topic };
}

/** Names and values, in characters: all of ours are ASCII. */
export function headerBytes(headers: Headers): number {
  let bytes = 0;
  for (const name in headers) bytes += name.length + (headers[name]?.length ?? 0);
  return bytes;
}
