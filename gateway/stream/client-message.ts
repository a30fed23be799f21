import { isAllowed, isPattern, type TopicPattern } from './topic-pattern.ts';

/** What a client asks for. */
export interface SubscribeMessage {
  readonly topics: readonly TopicPattern[];
  /** Only events of this correlation; null: of all. */
  readonly correlationId: string | null;
  /** Position of the last event that it has; null: from now on. */
  readonly resume: string | null;
}

/** Why a message was not followed; the socket is closed after some of them. */
export interface MessageError {
  readonly code:
    'BAD_MESSAGE' | 'TOPIC_NOT_ALLOWED' | 'TOO_MANY_TOPICS' | 'BAD_POSITION' | 'POSITION_LOST';
  readonly message: string;
}

/** Topics of one client in all its subscriptions. */
export const CLIENT_TOPICS = 32;
/** Subscriptions of one client. */
export const CLIENT_SUBSCRIPTIONS = 8;
/** A correlation or a position is never longer. */
const TEXT_LENGTH = 4_096;

/** Reads one message of a client. */
export function parseMessage(
  text: string,
  allowed: readonly TopicPattern[],
): SubscribeMessage | MessageError {
  const given = parsedObject(text);
  if (given === null || given['type'] !== 'subscribe')
    return bad(
      'The message is no JSON object with type "subscribe"; send {"type":"subscribe","topics":["exec.*"]}',
    );
  const { topics, correlationId = null, resume = null } = given;
  if (!Array.isArray(topics) || topics.length === 0)
    return bad('topics is no list of event names; name at least one, such as "exec.*"');
  if (topics.length > CLIENT_TOPICS)
    return {
      code: 'TOO_MANY_TOPICS',
      message: `topics has ${topics.length} entries; at most ${CLIENT_TOPICS} are taken, and "exec.*" stands for a family`,
    };
  const odd = topics.find((topic) => !isPattern(topic)) as unknown;
  if (odd !== undefined)
    return bad(
      `topics has ${shown(odd)}, which is no event name; write "plan.created" or "plan.*"`,
    );
  if (!isTextOrNull(correlationId) || correlationId === '')
    return bad('correlationId is no text; leave it out to get every correlation');
  if (!isTextOrNull(resume))
    return bad('resume is no text; give the position of an event, or leave it out');
  const refused = (topics as TopicPattern[]).find((topic) => !isAllowed(topic, allowed));
  if (refused !== undefined)
    return {
      code: 'TOPIC_NOT_ALLOWED',
      message: `${refused} may not be subscribed to; allowed are ${allowed.join(', ')}`,
    };
  return { topics: [...new Set(topics as TopicPattern[])], correlationId, resume };
}

function parsedObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || (typeof value === 'string' && value.length <= TEXT_LENGTH);
}

function bad(message: string): MessageError {
  return { code: 'BAD_MESSAGE', message };
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
