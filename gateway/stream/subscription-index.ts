import type { PassingEvent } from './event-hub.ts';
import { familyOf } from './topic-pattern.ts';
import type { SubscribeMessage } from './client-message.ts';

/** Somebody with subscriptions; gets each event once, however many of them it belongs to. */
export interface Subscriber {
  pass(event: PassingEvent): void;
}

interface Entry {
  readonly subscription: SubscribeMessage;
  readonly subscriber: Subscriber;
}

/**
 * Who wants an event, without asking everybody: subscriptions to one correlation stand under it, those to all of them under
 * their topics. An event costs what it is wanted by.
 */
export class SubscriptionIndex {
  readonly #byCorrelation = new Map<string, Set<Entry>>();
  readonly #byTopic = new Map<string, Set<Entry>>();

  /** Returns what ends the subscription. */
  add(subscriber: Subscriber, subscription: SubscribeMessage): () => void {
    const { topics, correlationId } = subscription;
    const entry = { subscription, subscriber };
    const [map, keys] =
      correlationId === null ? [this.#byTopic, topics] : [this.#byCorrelation, [correlationId]];
    for (const key of keys) {
      const there = map.get(key);
      if (there === undefined) map.set(key, new Set([entry]));
      else there.add(entry);
    }
    return () => {
      for (const key of keys) {
        const there = map.get(key);
        there?.delete(entry);
        if (there?.size === 0) map.delete(key);
      }
    };
  }

  pass(event: PassingEvent): void {
    const wanted = new Set<Subscriber>();
    for (const { subscription, subscriber } of this.#byCorrelation.get(event.correlationId) ?? [])
      if (isOf(subscription, event)) wanted.add(subscriber);
    for (const topic of [event.type, familyOf(event.type)])
      for (const { subscriber } of this.#byTopic.get(topic) ?? []) wanted.add(subscriber);
    for (const subscriber of wanted) subscriber.pass(event);
  }
}

function isOf({ topics }: SubscribeMessage, { type }: PassingEvent): boolean {
  return topics.includes(type) || topics.includes(familyOf(type));
}
