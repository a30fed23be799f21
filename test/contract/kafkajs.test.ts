import { kafkajsClient } from '../../kafka/kafkajs.ts';
import { kafkaClientContract } from './kafka-client.contract.ts';

kafkaClientContract('kafkajs', kafkajsClient);
