import {
  AuthenticationError,
  MultipleErrors,
  NetworkError,
  ProtocolError,
  TimeoutError,
  UserError,
} from '@platformatic/kafka';
import { describe, expect, it } from 'vitest';
import { KafkaError } from '../../kafka/client.ts';
import { isRefusal, nameOf } from '../../kafka/error-table.ts';
import { codeOf, isFenced, lookUpError, toKafkaError } from '../../kafka/platformatic/errors.ts';

/** An error as the library hands it over: wrapped, and in company. */
const within = (...errors: Error[]): Error =>
  new MultipleErrors('Producing messages failed.', [new MultipleErrors('Twice.', errors)]);

const socketError = (code: string): Error => Object.assign(new Error(`connect ${code}`), { code });

describe('errors of the Kafka client', () => {
  for (const code of [
    'MESSAGE_TOO_LARGE',
    'RECORD_LIST_TOO_LARGE',
    'INVALID_RECORD',
    'INVALID_TIMESTAMP',
    'POLICY_VIOLATION',
    'TOPIC_AUTHORIZATION_FAILED',
    'CLUSTER_AUTHORIZATION_FAILED',
  ])
    it(`J3a knows ${code} for a refusal`, () => expect(isRefusal(code)).toBe(true));

  for (const code of [
    'REQUEST_TIMED_OUT',
    'NOT_LEADER_OR_FOLLOWER',
    'NOT_ENOUGH_REPLICAS',
    'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
    'KAFKA_STORAGE_ERROR',
    'UNKNOWN_SERVER_ERROR',
    'UNKNOWN_TOPIC_OR_PARTITION',
    'CORRUPT_MESSAGE',
    'NETWORK',
    'TIMEOUT',
    'CLOSED',
  ])
    it(`J3a does not take ${code} for a refusal`, () => expect(isRefusal(code)).toBe(false));

  for (const [what, error, code, canRetry] of [
    ['an answer', new ProtocolError('NOT_LEADER_OR_FOLLOWER'), 'NOT_LEADER_OR_FOLLOWER', true],
    ['what stands wrapped', within(new ProtocolError('INVALID_CONFIG')), 'INVALID_CONFIG', false],
    [
      'an answer before a lost connection',
      within(new NetworkError('lost'), new ProtocolError('OFFSET_OUT_OF_RANGE')),
      'OFFSET_OUT_OF_RANGE',
      false,
    ],
    ['a time-out before a lost connection', within(new TimeoutError('late')), 'TIMEOUT', true],
    ['a lost connection', within(new NetworkError('lost')), 'NETWORK', true],
    ['a refused connection', socketError('ECONNREFUSED'), 'NETWORK', true],
    [
      'a cause',
      new Error('outer', { cause: new ProtocolError('COORDINATOR_NOT_AVAILABLE') }),
      'COORDINATOR_NOT_AVAILABLE',
      true,
    ],
    ['a closed client', new NetworkError('Client is closed.', { closed: true }), 'CLOSED', false],
    ['wrong credentials', new AuthenticationError('no'), 'SASL_AUTHENTICATION_FAILED', false],
    ['a forbidden topic', new ProtocolError(29), 'TOPIC_AUTHORIZATION_FAILED', false],
    ['wrong use', new UserError('no'), 'PLT_KFK_USER', false],
    ['a file that is not there', socketError('ENOENT'), 'UNKNOWN', true],
    ['what is no error', 'text', 'UNKNOWN', true],
  ] as const)
    it(`F1 names ${what} ${code}`, () => {
      expect(codeOf(error)).toBe(code);
      const mapped = toKafkaError(error, 'doing something');
      expect(mapped).toMatchObject({ name: 'KafkaError', code, canRetry, cause: error });
      expect(mapped.message).toContain('doing something failed');
    });

  it('F1 leaves an error of the port as it is', () => {
    const error = new KafkaError('CLOSED', false, 'closed');
    expect(toKafkaError(error, 'doing')).toBe(error);
  });

  it('F10 hears a fence in any company', () => {
    const fence = new ProtocolError('FENCED_INSTANCE_ID');
    expect(isFenced(within(new ProtocolError('REBALANCE_IN_PROGRESS'), fence))).toBe(true);
    expect(isFenced(within(new ProtocolError('UNKNOWN_MEMBER_ID')))).toBe(false);
    expect(isFenced(null)).toBe(false);
  });

  it("J3a tells the cluster's word on a topic from a cluster that was not asked", () => {
    expect(lookUpError(new UserError('Unknown topic x.'), ['x'])).toMatchObject({
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
      canRetry: true,
    });
    expect(lookUpError(within(new ProtocolError(29)), ['x'])?.code).toBe(
      'TOPIC_AUTHORIZATION_FAILED',
    );
    expect(lookUpError(within(new NetworkError('lost')), ['x'])).toBe(null);
  });

  it('F1 has a name for numbers that Kafka does not know yet', () => {
    expect([nameOf(7), nameOf(-1), nameOf(12_345)]).toEqual([
      'REQUEST_TIMED_OUT',
      'UNKNOWN_SERVER_ERROR',
      'ERROR_12345',
    ]);
  });
});
