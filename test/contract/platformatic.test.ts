import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import { platformaticClient } from '../../kafka/platformatic.ts';
import { kafkaClientContract } from './kafka-client.contract.ts';
import { processContract } from './kafka-client/process.contract.ts';
import { eventually } from '../support/eventually.ts';
import { Rig } from './kafka-client/rig.ts';

describe('connections of the platformatic adapter', () => {
  it('F25 loses sight of no connection that is made right after one that failed', async () => {
    const rig = new Rig(platformaticClient, process.env['KAFKA_BROKERS'] ?? '');
    const proxy = await rig.proxy();
    const admin = rig.client({ proxy }).admin();
    await admin.ping(2_000);
    await proxy.refuse();
    proxy.resetAll();
    await eventually('the connection is gone', () => proxy.connections === 0);
    // The library tries the same address again at once: as the bootstrap's and as the broker's own.
    const failed = 'tracing:plt:kafka:connections:connects:error';
    const onFailed = (): void => void proxy.accept();
    subscribe(failed, onFailed);
    await admin.ping(2_000);
    unsubscribe(failed, onFailed);
    await admin.ping(2_000);
    expect(proxy.connections).toBeGreaterThan(0);
    await admin.close();
    await eventually('none is left', () => proxy.connections === 0, 2_000);
    await rig.end();
  });
});

processContract('platformatic');
kafkaClientContract('platformatic', platformaticClient);
