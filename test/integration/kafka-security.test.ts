import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../apps/config.ts';
import { kafkaPart } from '../../cli/stack/kafka.ts';
import { freePort } from '../../cli/stack/ports.ts';
import type { KafkaClient } from '../../kafka/client.ts';
import { KAFKA_CLIENTS, kafkaClient } from '../../kafka/clients.ts';
import { eventually } from '../support/eventually.ts';
import { ownServer, type OwnServer } from './own-servers.ts';

const PASSWORD = 'correct horse';
const STORE_PASSWORD = 'of-the-store';
const START_MS = 120_000;
const ANSWER_MS = 20_000;

let folder: string;
let server: OwnServer;
let broker: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-tls-'));
  makeCertificate('broker');
  makeCertificate('stranger');
  const openStore = ['-inkey', file('broker.key'), '-in', file('broker.pem')];
  const store = ['-out', file('broker.p12'), '-passout', `pass:${STORE_PASSWORD}`];
  execFileSync('openssl', ['pkcs12', '-export', ...openStore, ...store], { stdio: 'pipe' });
  const secure = {
    port: await freePort(),
    keystoreFile: file('broker.p12'),
    keystorePassword: STORE_PASSWORD,
    username: 'millrace',
    password: PASSWORD,
  };
  broker = `127.0.0.1:${secure.port}`;
  server = await ownServer((place) => kafkaPart({ ...place, secure }));
  await server.start();
}, START_MS);

afterAll(async () => {
  await server.remove();
  await rm(folder, { recursive: true });
}, START_MS);

describe.each(KAFKA_CLIENTS)('a broker with TLS and SASL, by %s', (library) => {
  const trusted = (authority: string) => ({ KAFKA_CLIENT: library, ...trust(authority) });

  it.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])(
    'lets a producer, a reader, a member and an admin in by %s',
    async (mechanism) => {
      await writeFile(file('password'), `${PASSWORD}\n`);
      const client = clientOf({
        ...trusted('broker'),
        KAFKA_SASL_MECHANISM: mechanism,
        KAFKA_SASL_USERNAME: 'millrace',
        KAFKA_SASL_PASSWORD_FILE: file('password'),
      });
      await exchangeOneRecord(client, `secured-${library}-${mechanism.toLowerCase()}`);
    },
  );

  it('says that the password is wrong, without saying the password', async () => {
    const wrong = { ...trusted('broker'), ...credentials('SCRAM-SHA-512', 'battery staple') };
    const error = await pingError(wrong);
    expect(error).toMatchObject({ code: 'SASL_AUTHENTICATION_FAILED', canRetry: false });
    expect(String(error)).not.toContain('battery staple');
  });

  it('is not talked to when somebody else signed its certificate', async () => {
    const error = await pingError({ ...trusted('stranger'), ...credentials('PLAIN', PASSWORD) });
    expect(error).toMatchObject({ name: 'KafkaError' });
    expect((error as { readonly code: string }).code).not.toBe('SASL_AUTHENTICATION_FAILED');
  });

  it('does not answer who comes without TLS', async () => {
    expect(await pingError({ KAFKA_CLIENT: library })).toMatchObject({ name: 'KafkaError' });
  });
});

function file(name: string): string {
  return join(folder, name);
}

function makeCertificate(name: string): void {
  const files = ['-keyout', file(`${name}.key`), '-out', file(`${name}.pem`)];
  const names = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'];
  const kind = ['-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2'];
  execFileSync('openssl', ['req', ...kind, ...files, ...names], { stdio: 'pipe' });
}

function trust(authority: string): Record<string, string> {
  return { KAFKA_SSL: 'true', KAFKA_SSL_CA_FILE: file(`${authority}.pem`) };
}

function credentials(mechanism: string, password: string): Record<string, string> {
  return {
    KAFKA_SASL_MECHANISM: mechanism,
    KAFKA_SASL_USERNAME: 'millrace',
    KAFKA_SASL_PASSWORD: password,
  };
}

function clientOf(env: Readonly<Record<string, string>>): KafkaClient {
  const { client, brokers, security } = loadConfig({ ...env, KAFKA_BROKERS: broker }).kafka;
  return kafkaClient(client, { brokers, security, clientId: 'security' });
}

async function pingError(env: Readonly<Record<string, string>>): Promise<unknown> {
  const admin = clientOf(env).admin();
  try {
    return await admin.ping(ANSWER_MS).catch((error: unknown) => error);
  } finally {
    await admin.close();
  }
}

async function exchangeOneRecord(client: KafkaClient, topic: string): Promise<void> {
  const [admin, producer, reader] = [client.admin(), client.producer(), client.reader()];
  await admin.createTopic({ name: topic, partitions: 1, replicationFactor: 1, configs: {} });
  const record = { topic, partition: 0, key: null, value: Buffer.from(topic), headers: {} };
  await eventually('the record is confirmed', async () => {
    const [sent] = await producer.send([record]);
    return sent?.result === 'confirmed';
  });
  await eventually('the record is read', async () => {
    const positions = [{ topic, partition: 0, offset: 0 }];
    const [fetched] = await reader.fetch(positions, { maxWaitMs: 100 });
    return Buffer.from(fetched?.records[0]?.value ?? []).toString() === topic;
  });
  let assigned = 0;
  const member = client.joinGroup({
    groupId: topic,
    topic,
    instanceId: 'only',
    sessionTimeoutMs: 6_000,
    heartbeatIntervalMs: 500,
    onAssigned: async ({ partitions }) => void (assigned = partitions.length),
    onRevoked: async () => {},
    onFenced: () => {},
  });
  await eventually('the member has its partition', () => assigned === 1);
  await member.close('leave');
  await Promise.all([producer.close(), reader.close(), admin.close()]);
}
