import { kafkajsClient } from '../../kafka/kafkajs.ts';
import { kafkaClientContract } from './kafka-client.contract.ts';
import { processContract } from './kafka-client/process.contract.ts';

processContract('kafkajs');
kafkaClientContract('kafkajs', kafkajsClient);
