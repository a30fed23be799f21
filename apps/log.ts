import pino, { type DestinationStream, type Logger } from 'pino';
import type { Headers } from '../engine/event.ts';
import type { LogLevel } from './config.ts';

/** A logger that writes one JSON object per line. */
export type Log = Logger;

export interface LogOptions {
  /** Stands in every line. */
  readonly app: string;
  readonly instanceId: string;
  readonly level: LogLevel;
  /** Default: standard output. */
  readonly destination?: DestinationStream;
}

/**
 * The root logger of a process: `{level, time, app, instance, …, msg}`, the level as a word, the time in ISO 8601.
 *
 * Source: B-20.
 */
export function createLog({ app, instanceId, level, destination }: LogOptions): Log {
  const options = {
    level,
    base: { app, instance: instanceId },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

/** Where an event stood and which it was, as every line about its processing says it. Source: B-85. */
export interface EventFields {
  /** Event type, as in the wire form: `plan.created`. */
  readonly topic: string;
  readonly correlationId: string;
  readonly eventId: string;
}

/** The fields of a line about this event: `log.info(eventFields(envelope), 'planned')`. */
export function eventFields(envelope: {
  readonly event_type: string;
  readonly correlation_id: string;
  readonly event_id: string;
}): EventFields {
  return {
    topic: envelope.event_type,
    correlationId: envelope.correlation_id,
    eventId: envelope.event_id,
  };
}

/** The same of a record that cannot be read, as far as its headers say it. */
export function headerFields(headers: Headers): Partial<EventFields> {
  const { event_type: topic, correlation_id: correlationId, event_id: eventId } = headers;
  return {
    ...(topic === undefined ? {} : { topic }),
    ...(correlationId === undefined ? {} : { correlationId }),
    ...(eventId === undefined ? {} : { eventId }),
  };
}

/** Where a record stands on the log: `intents/0/42`. */
export function placeOf(record: {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}): string {
  return [record.topic, record.partition, record.offset].join('/');
}
