import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { createUlidGenerator, envelope, newCorrelationId } from '../avro/index.ts';
import type { EventRecord } from '../engine/event.ts';
import { traceIdOf } from '../engine/traceparent.ts';
import type { Authorize } from './authorize.ts';
import type { EdgeTracing } from './edge-trace.ts';
import {
  fingerprintOf,
  idempotencyKeyOf,
  idsOf,
  type IntentIds,
  isToBeSent,
  noteSent,
  type Submissions,
} from './idempotency.ts';
import {
  type GatewayMetrics,
  type HistoryReads,
  type IntentPublisher,
  type IntentRules,
  PublishError,
  type SoundIntent,
} from './ports.ts';
import { POSITION, positionText } from './position.ts';
import { Problem } from './problem.ts';
import type { RateLimit } from './rate-limit.ts';

const RETRY_AFTER_SECONDS = 5;
const MAX_API_KEY_LENGTH = 256;

export interface SubmitRouteOptions {
  readonly rules: IntentRules;
  readonly publisher: IntentPublisher;
  readonly metrics: GatewayMetrics;
  readonly authorize: Authorize;
  readonly rateLimit: RateLimit;
  readonly submissions: Submissions;
  readonly store: HistoryReads;
  readonly tracing: EdgeTracing;
  readonly nowMs: () => number;
}

/** Adds `POST /intents`: shape checked, published, answered when the broker has it. Source: B-24, B-37…B-39. */
export function registerSubmit(server: FastifyInstance, options: SubmitRouteOptions): void {
  const { rules, publisher, metrics, tracing } = options;
  const newEvent = eventFactory(options.nowMs);
  const newIds = idFactory(options.nowMs);
  // After a signature has been checked, so that nobody uses up another's rate, and before the body is parsed.
  server.post('/intents', { preParsing: admission(options) }, async (request, reply) => {
    if (request.headers['content-type'] === undefined) throw untyped();
    const checked = rules.validate(request.body);
    if (!checked.ok) throw refused(checked.errors);
    const key = idempotencyKeyOf(request.headers['idempotency-key']);
    const ids = key === null ? newIds() : idsOf(apiKeyOf(request), key);
    const { intentId } = ids;
    const fingerprint = key === null ? null : fingerprintOf(checked.intent);
    if (fingerprint === null || (await isToBeSent(options, intentId, fingerprint))) {
      const trace = tracing.begin(headerOf(request, 'traceparent'), intentId);
      const priority = rules.priority(checked.intent);
      const event = newEvent(ids, checked.intent, priority, trace.traceparent);
      await published(publisher, event, intentId, trace.traceparent)
        .then(() => trace.end(reply.elapsedTime / 1000))
        .catch((error: unknown) => {
          trace.end(reply.elapsedTime / 1000, String(error));
          throw error;
        });
      metrics.intentsSubmitted.inc();
      request.log.info(logFields(event), 'intent submitted');
      if (fingerprint !== null) await noteSent(options.submissions, intentId, fingerprint);
    }
    return reply
      .code(202)
      .header('Location', `/intents/${intentId}`)
      .header(POSITION, positionText({ intentId, sequence: 1 }))
      .send({ intent_id: intentId });
  });
}

/** Decides before the body is parsed. */
function admission({ authorize, rateLimit }: SubmitRouteOptions) {
  return async (request: FastifyRequest): Promise<void> => {
    const apiKey = apiKeyOf(request);
    if (!(await authorize({ action: 'intent.submit', apiKey }))) {
      throw new Problem('FORBIDDEN', 'You may not submit intents; ask the operator for access');
    }
    const waitSeconds = rateLimit(apiKey === null ? `address ${request.ip}` : `key ${apiKey}`);
    if (waitSeconds === null) return;
    throw new Problem('RATE_LIMITED', `Too many intents in a minute; wait ${waitSeconds} s`, {
      retryAfterSeconds: waitSeconds,
    });
  };
}

/** Who asks, as far as the gateway knows. */
export function apiKeyOf(request: FastifyRequest): string | null {
  const given = headerOf(request, 'x-api-key');
  return given !== undefined && given !== '' ? given.slice(0, MAX_API_KEY_LENGTH) : null;
}

function headerOf(request: FastifyRequest, name: string): string | undefined {
  const given = request.headers[name];
  return typeof given === 'string' ? given : undefined;
}

function idFactory(nowMs: () => number): () => IntentIds {
  const ids = createUlidGenerator(nowMs);
  return () => ({ intentId: randomUUID(), eventId: ids.next() });
}

function eventFactory(nowMs: () => number) {
  return (
    { intentId, eventId }: IntentIds,
    intent: SoundIntent,
    priority: number,
    traceparent: string | null,
  ): EventRecord => {
    const { strategyId, base, quote, amount_in, notional_usd, max_slippage, metadata } = intent;
    return envelope(
      'intent.submitted',
      {
        intentId,
        strategyId,
        base,
        quote,
        amount_in,
        notional_usd,
        max_slippage,
        priority,
        metadata: metadata ?? null,
      },
      {
        correlationId: newCorrelationId(intentId),
        sequence: 1,
        producer: 'gateway',
        eventId,
        traceId: traceIdOf(traceparent),
        occurredAt: nowMs() * 1000,
      },
    );
  };
}

async function published(
  publisher: IntentPublisher,
  event: EventRecord,
  intentId: string,
  traceparent: string | null,
): Promise<void> {
  try {
    await publisher.publish(event, traceparent);
  } catch (error) {
    if (!(error instanceof PublishError)) throw error;
    const remedy =
      error.delivery === 'none'
        ? 'nothing was stored; send the intent again in a moment'
        : `it may have been stored all the same: see GET /intents/${intentId} before sending it again`;
    throw new Problem('BROKER_AWAY', `The broker did not acknowledge the intent; ${remedy}`, {
      cause: error,
      retryAfterSeconds: RETRY_AFTER_SECONDS,
    });
  }
}

function refused(errors: Problem['errors']): Problem {
  const fields = errors.map(({ field }) => (field === '' ? 'the body' : field)).join(', ');
  return new Problem('VALIDATION_FAILED', `Nothing was submitted. Correct: ${fields}`, { errors });
}

function untyped(): Problem {
  const detail = 'There is no Content-Type; send JSON and say so in that header';
  return new Problem('UNSUPPORTED_MEDIA_TYPE', detail);
}

/** Source: B-85. */
function logFields({ envelope: { event_type, correlation_id, event_id } }: EventRecord): object {
  return { topic: event_type, correlationId: correlation_id, eventId: event_id };
}
