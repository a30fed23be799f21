import { expect, it } from 'vitest';
import { securityOptions } from '../../kafka/platformatic/cluster.ts';

it.each([
  ['broker.example:9093', true],
  ['10.0.0.1:9093', false],
  ['[::1]:9093', false],
])('TLS names the host of %s in the handshake: %s', (broker, named) => {
  const security = { tls: { ca: null }, sasl: null };
  const options = securityOptions({ brokers: [broker], clientId: 'unit', security });
  expect(options).toEqual({ tls: {}, tlsServerName: named });
});
