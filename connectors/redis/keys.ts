/** Where each read-model topic stands in Redis. Source: B-76 … B-78. */
const KEY_FAMILY = {
  'rm.intent': 'intent',
  'rm.plan': 'plan',
  'rm.positions': 'positions',
} as const;

/** The logical topics that are projected into Redis. */
export type ReadModelTopic = keyof typeof KEY_FAMILY;

/** The key of an aggregate's read model: `rm.intent`, `42` → `intent:42`. */
export function readModelKey(topic: ReadModelTopic, id: string): string {
  return `${KEY_FAMILY[topic]}:${id}`;
}

/** Whether a logical topic is one that is projected into Redis. */
export function isReadModelTopic(topic: string): topic is ReadModelTopic {
  return Object.hasOwn(KEY_FAMILY, topic);
}

export function positionKey(topic: string, partition: number): string {
  return `millrace:position:${topic}:${partition}`;
}

export function versionKey(topic: string): string {
  return `millrace:version:${topic}`;
}

export function seenKey(eventId: string): string {
  return `events:seen:${eventId}`;
}
