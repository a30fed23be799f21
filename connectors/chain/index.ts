export { createMockVenue } from './mock-venue.ts';
export type { FailingMethod, InjectedFailure, MockVenue, MockVenueOptions } from './mock-venue.ts';
export { swapPerformers } from './performers.ts';
export type { SwapPerformers } from './performers.ts';
export { VenueError } from './venue.ts';
export type {
  BuiltTx,
  Quote,
  QuoteRequest,
  SwapOrder,
  TxReceipt,
  VenueAdapter,
  VenueErrorCode,
  WaitOptions,
} from './venue.ts';
