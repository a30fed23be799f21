export { kafkajsClient } from './kafkajs/index.ts';
