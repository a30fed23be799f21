import { describe, expect, it } from 'vitest';
import { KafkaError } from '../../kafka/client.ts';
import { codeOf, isFenced, isRefusal, toKafkaError } from '../../kafka/platformatic/errors.ts';

/** Errors in the shapes that the library throws them in. */
const answered = (...names: readonly string[]) =>
  new AggregateError(
    names.map((apiId) => Object.assign(new Error('from the broker'), { apiId })),
    'answer with errors',
  );
const socketError = (code: string) => Object.assign(new Error('socket'), { code });

describe('errors of the adapter', () => {
  it('finds what the broker has said, however deep it stands', () => {
    const deep = new Error('retried', { cause: new AggregateError([answered('NOT_CONTROLLER')]) });
    expect(codeOf(deep)).toBe('NOT_CONTROLLER');
  });

  it.each([
    [socketError('ECONNREFUSED'), 'NETWORK', true],
    [new Error('connection', { cause: socketError('ECONNRESET') }), 'NETWORK', true],
    [Object.assign(new Error('client'), { closed: true }), 'CLOSED', false],
    [answered('NOT_LEADER_OR_FOLLOWER'), 'NOT_LEADER_OR_FOLLOWER', true],
    [answered('TOPIC_ALREADY_EXISTS'), 'TOPIC_ALREADY_EXISTS', false],
    [answered('GROUP_AUTHORIZATION_FAILED'), 'GROUP_AUTHORIZATION_FAILED', false],
    [answered('OFFSET_OUT_OF_RANGE'), 'OFFSET_OUT_OF_RANGE', false],
  ])('names %s %s, and whether it may be tried again', (error, code, canRetry) => {
    expect(toKafkaError(error, 'asking')).toMatchObject({ code, canRetry, cause: error });
  });

  it('leaves an error of the port as it is', () => {
    const error = new KafkaError('TIMEOUT', true, 'late');
    expect(toKafkaError(error, 'asking')).toBe(error);
  });

  it('J3a takes nothing for a refusal but the closed list', () => {
    const refusals = [
      'MESSAGE_TOO_LARGE',
      'RECORD_LIST_TOO_LARGE',
      'INVALID_RECORD',
      'INVALID_TIMESTAMP',
      'POLICY_VIOLATION',
      'TOPIC_AUTHORIZATION_FAILED',
      'CLUSTER_AUTHORIZATION_FAILED',
    ];
    const unknowns = [
      'REQUEST_TIMED_OUT',
      'NOT_LEADER_OR_FOLLOWER',
      'NOT_ENOUGH_REPLICAS',
      'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
      'KAFKA_STORAGE_ERROR',
      'UNKNOWN_SERVER_ERROR',
      'UNKNOWN_TOPIC_OR_PARTITION',
      'NETWORK',
      'TIMEOUT',
    ];
    expect(refusals.filter((code) => !isRefusal(code))).toEqual([]);
    expect(unknowns.filter(isRefusal)).toEqual([]);
  });

  it('J5a finds a fence among other errors', () => {
    expect(isFenced(answered('REBALANCE_IN_PROGRESS', 'FENCED_INSTANCE_ID'))).toBe(true);
    expect(isFenced(answered('UNKNOWN_MEMBER_ID'))).toBe(false);
    expect(isFenced(null)).toBe(false);
  });
});
