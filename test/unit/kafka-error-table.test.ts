import * as platformatic from '@platformatic/kafka';
import kafkajs from 'kafkajs';
import { createErrorFromCode, errorCodes } from 'kafkajs/src/protocol/error.js';
import { describe, expect, it } from 'vitest';
import { KafkaError } from '../../kafka/client.ts';
import {
  ADAPTER_ERRORS,
  BROKER_ERRORS,
  canRetry,
  isRefusal,
  KAFKAJS_ERRORS,
  nameOf,
  PLATFORMATIC_ERRORS,
  SOCKET_CODES,
} from '../../kafka/error-table.ts';
import * as byKafkajs from '../../kafka/kafkajs/errors.ts';
import * as byPlatformatic from '../../kafka/platformatic/errors.ts';

const { errorCodes: platformaticCodes } = platformatic as unknown as {
  readonly errorCodes: readonly string[];
};

/** An error of a class, whatever its constructor asks for. */
function errorOf(prototype: object, own: object): Error {
  return Object.assign(Object.create(prototype) as Error, {
    message: 'thrown',
    errors: [],
    ...own,
  });
}

const meaningOf = (code: string): string =>
  isRefusal(code) ? 'refused' : canRetry(code) ? 'retry' : 'permanent';

describe('errors of the broker', () => {
  it('F1 have one row each, and each row a name of its own', () => {
    expect(new Set(BROKER_ERRORS.map(([number]) => number)).size).toBe(BROKER_ERRORS.length);
    expect(new Set(BROKER_ERRORS.map(([, code]) => code)).size).toBe(BROKER_ERRORS.length);
    const known = Object.keys(platformatic.protocolErrorsCodesById).map(Number);
    const numbers = [...known, ...errorCodes.map(({ code }) => code)];
    // 0 is success; kafkajs keeps -99 for a number that it has no row for.
    const asked = numbers.filter((number) => number !== 0 && number !== -99);
    expect(asked.filter((number) => nameOf(number).startsWith('ERROR_'))).toEqual([]);
  });

  it.each(BROKER_ERRORS)('J3a %i is %s, %s, through either library', (number, code, meaning) => {
    expect(meaningOf(code)).toBe(meaning);
    const expected = { code, canRetry: meaning === 'retry' };
    const told = new platformatic.ProtocolError(number);
    expect(byPlatformatic.toKafkaError(told, 'asking')).toMatchObject(expected);
    if (!errorCodes.some((each) => each.code === number)) return;
    expect(byKafkajs.toKafkaError(createErrorFromCode(number), 'asking')).toMatchObject(expected);
  });
});

describe('errors of the libraries', () => {
  it('F1 of platformatic have one row for each of its codes', () => {
    expect(PLATFORMATIC_ERRORS.map(([error]) => error).sort()).toEqual(
      [...platformaticCodes].sort(),
    );
  });

  it.each(PLATFORMATIC_ERRORS)('F1 %s of platformatic is %s, %s', (error, code, meaning) => {
    const classes = Object.values(platformatic) as readonly { code?: string; prototype: object }[];
    const found = classes.find((each) => each.code === error) ?? platformatic.GenericError;
    const thrown = errorOf(found.prototype, { code: error });
    const expected = { code, canRetry: meaning === 'retry' };
    expect(byPlatformatic.toKafkaError(thrown, 'asking')).toMatchObject(expected);
  });

  it('F1 of kafkajs have one row for each of its classes', () => {
    // These two carry what the broker said.
    const answers = ['KafkaJSProtocolError', 'KafkaJSOffsetOutOfRange', 'KafkaJSMemberIdRequired'];
    const others = ['KafkaJSCreateTopicError', 'KafkaJSAlterPartitionReassignmentsError'];
    const classes = Object.keys(kafkajs).filter((name) => /^KafkaJS/.test(name));
    const named = new Set(KAFKAJS_ERRORS.map(([error]) => error));
    const missing = classes.filter((name) => !named.has(name));
    expect(missing.filter((name) => ![...answers, ...others].includes(name))).toEqual([]);
  });

  it.each(KAFKAJS_ERRORS)('F1 %s of kafkajs is %s, %s', (error, code, meaning) => {
    const found = (kafkajs as unknown as Record<string, { prototype: object } | undefined>)[error];
    const thrown = errorOf(found?.prototype ?? Error.prototype, { name: error });
    const expected = { code, canRetry: meaning === 'retry' };
    expect(byKafkajs.toKafkaError(thrown, 'asking')).toMatchObject(expected);
  });

  it.each(ADAPTER_ERRORS)('F1 %s is %s, %s', (error, code, meaning) => {
    expect(meaningOf(code)).toBe(meaning);
    for (const { codeOf } of [byKafkajs, byPlatformatic])
      if (error === 'anything else') expect(codeOf(new Error('x'))).toBe(code);
      else if (error === 'socket')
        for (const socketCode of SOCKET_CODES)
          expect(codeOf(Object.assign(new Error('x'), { code: socketCode }))).toBe(code);
      else expect(codeOf(new KafkaError(error, false, 'x'))).toBe(code);
  });
});
