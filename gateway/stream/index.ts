export { type StreamMetrics, StreamServer, type StreamServerOptions } from './stream-server.ts';
