import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from '../../apps/config.ts';

const LOGIN = {
  KAFKA_SSL: 'true',
  KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512',
  KAFKA_SASL_USERNAME: 'millrace',
  KAFKA_SASL_PASSWORD: 'hunter2',
};

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-config-'));
  writeFileSync(file('ca.pem'), 'a certificate');
  writeFileSync(file('password'), ' hunter2 \n');
  writeFileSync(file('empty'), '\n');
});

afterAll(() => rmSync(folder, { recursive: true }));

describe('security of the connections to Kafka', () => {
  it('is plain text, nobody in particular, unless told otherwise', () => {
    expect(loadConfig({}).kafka.security).toEqual({ tls: null, sasl: null });
  });

  it('takes TLS with whom Node trusts, or with an authority of its own', () => {
    const securityOf = (env: Record<string, string>) => loadConfig(env).kafka.security;
    expect(securityOf({ KAFKA_SSL: '1' })).toEqual({ tls: { ca: null }, sasl: null });
    const own = { KAFKA_SSL: '1', KAFKA_SSL_CA_FILE: file('ca.pem') };
    expect(securityOf(own).tls).toEqual({ ca: 'a certificate' });
  });

  it('takes a password as it is, from the variable or from a file without its last line break', () => {
    const { KAFKA_SASL_PASSWORD, ...rest } = LOGIN;
    expect(loadConfig(LOGIN).kafka.security.sasl).toEqual({
      mechanism: 'SCRAM-SHA-512',
      username: 'millrace',
      password: KAFKA_SASL_PASSWORD,
    });
    const fromFile = loadConfig({ ...rest, KAFKA_SASL_PASSWORD_FILE: file('password') });
    expect(fromFile.kafka.security.sasl?.password).toBe(' hunter2 ');
  });

  it.each([
    ['KAFKA_SSL_CA_FILE', { KAFKA_SSL_CA_FILE: 'ca.pem', KAFKA_SSL: '1' }],
    ['KAFKA_SSL_CA_FILE', { KAFKA_SSL_CA_FILE: 'package.json' }],
    ['KAFKA_SASL_MECHANISM', { ...LOGIN, KAFKA_SASL_MECHANISM: 'GSSAPI' }],
    ['KAFKA_SASL_MECHANISM', { ...LOGIN, KAFKA_SASL_MECHANISM: '' }],
    ['KAFKA_SASL_MECHANISM', { ...LOGIN, KAFKA_SASL_MECHANISM: 'PLAIN', KAFKA_SSL: 'false' }],
    ['KAFKA_SASL_USERNAME', { ...LOGIN, KAFKA_SASL_USERNAME: '' }],
    ['KAFKA_SASL_PASSWORD', { ...LOGIN, KAFKA_SASL_PASSWORD: '' }],
    ['KAFKA_SASL_PASSWORD_FILE', { ...LOGIN, KAFKA_SASL_PASSWORD_FILE: 'package.json' }],
  ])('B-14 refuses %s in %o, and repeats no password', (variable, env) => {
    const error = errorOf(env);
    expect(error.problems.map((problem) => problem.variable)).toEqual([variable]);
    expect(error.message).not.toContain('hunter2');
  });

  it('B-14 refuses a password file that is empty', () => {
    const error = errorOf({
      ...LOGIN,
      KAFKA_SASL_PASSWORD: '',
      KAFKA_SASL_PASSWORD_FILE: file('empty'),
    });
    expect(error.problems[0]?.variable).toBe('KAFKA_SASL_PASSWORD_FILE');
  });
});

function file(name: string): string {
  return join(folder, name);
}

function errorOf(env: Record<string, string>): ConfigError {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('The configuration was taken.');
}
