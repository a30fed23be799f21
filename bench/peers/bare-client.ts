import { createServer } from 'node:http';
import { Consumer, Producer, stringDeserializers, stringSerializer } from '@platformatic/kafka';

/* What the floors of this folder have in common: the client library with headers as texts, and nothing around it. */

/** Who it is among the broker's clients. */
interface Bare {
  readonly clientId: string;
  readonly brokers: string[];
}

/** A record to be sent; nothing of it is encoded any more. */
export interface Output {
  readonly topic: string;
  readonly partition: number;
  readonly key: Buffer;
  readonly value: Buffer;
  readonly headers: Record<string, string>;
}

export function bareProducer({ clientId, brokers }: Bare) {
  return new Producer<Buffer, Buffer, string, string>({
    clientId,
    bootstrapBrokers: brokers,
    retries: 0,
    serializers: { headerKey: stringSerializer, headerValue: stringSerializer },
  });
}

/** It commits nothing. */
export function bareConsumer({ clientId, brokers, groupId }: Bare & { readonly groupId: string }) {
  return new Consumer<Buffer, Buffer, string, string>({
    clientId,
    groupId,
    bootstrapBrokers: brokers,
    autocommit: false,
    maxWaitTime: 100,
    deserializers: {
      headerKey: stringDeserializers.headerKey,
      headerValue: stringDeserializers.headerValue,
    },
  });
}

/** Says that the process is there, until it is told to end. Default: on a free port. */
export function answerUntilEnded(port = 0): void {
  createServer((_request, response) => response.end('{}')).listen(port, '127.0.0.1');
  process.once('SIGTERM', () => process.exit(0));
}
