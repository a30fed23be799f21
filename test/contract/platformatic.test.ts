import { platformaticClient } from '../../kafka/platformatic.ts';
import { kafkaClientContract } from './kafka-client.contract.ts';

kafkaClientContract('platformatic', platformaticClient);
