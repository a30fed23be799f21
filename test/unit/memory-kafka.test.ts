import { MemoryKafka } from '../../testing/memory-kafka.ts';
import { memoryLogContract } from '../contract/kafka-client.contract.ts';

memoryLogContract('in memory', () => new MemoryKafka());
