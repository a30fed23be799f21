export { createMockVenue } from './mock-venue.ts';
export type { FailingMethod, InjectedFailure, MockVenue, MockVenueOptions } from './mock-venue.ts';
export { contractsOf, ChainContractsError } from './chain-contracts.ts';
export type { ChainContracts } from './chain-contracts.ts';
export { receiptOf } from './receipt-watch.ts';
export type { MinedReceipt } from './receipt-watch.ts';
export { ChainRpc } from './rpc.ts';
export { swapPerformers } from './performers.ts';
export type { SwapPerformers } from './performers.ts';
export { UniswapVenue } from './uniswap-venue.ts';
export type { UniswapVenueOptions } from './uniswap-venue.ts';
export { accountOf, addressOf, UNISWAP } from './venue-account.ts';
export { VenueError } from './venue.ts';
export type {
  BuiltTx,
  Fees,
  NonceState,
  Preparation,
  Quote,
  QuoteRequest,
  SwapOrder,
  TxReceipt,
  TxTerms,
  VenueAdapter,
  VenueErrorCode,
  WaitOptions,
} from './venue.ts';
