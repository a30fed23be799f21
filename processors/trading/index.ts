export { accountActor } from './account/actor.ts';
export type { AccountFillArgs, AccountReadArgs } from './account/actor.ts';
export type { Nonces } from './account/nonces.ts';
export { acceptanceActor } from './acceptance/actor.ts';
export { AssetsError, findPool, parseAssets } from './assets.ts';
export type { Asset, Assets, Pool } from './assets.ts';
export { fromUnits, isPlainDecimal, toUnits } from './decimal-text.ts';
export { intentActor } from './intent/actor.ts';
export type { IntentTrack } from './intent/actor.ts';
export { TRANSITIONS } from './intent/intent-model.ts';
export { validateIntent } from './intent-validator.ts';
export type {
  FieldError,
  FieldErrorCode,
  IntentValidation,
  ValidIntent,
} from './intent-validator.ts';
export { orchestratorActor } from './orchestrator/actor.ts';
export type { OrchestratorOptions } from './orchestrator/actor.ts';
export { BUMP_AFTER_S, plannedAtS } from './orchestrator/ledger.ts';
export type { Ledger } from './orchestrator/ledger.ts';
export type {
  BuiltTx,
  Fees,
  SwapPreparation,
  PreparationBuildArgs,
  SwapBuildArgs,
  SwapPrepareArgs,
  SwapReadiness,
  SwapSubmitArgs,
  SwapWaitArgs,
  TxReceipt,
} from './orchestrator/swap-effects.ts';
export { plannerActor } from './planner/actor.ts';
export type { PlannerOptions } from './planner/actor.ts';
export { usableSnapshot } from './planner/plan.ts';
export { sqrtRatioAtTick } from './planner/pool-math.ts';
export { minOut, quoteExactInput } from './planner/quote.ts';
export { selectRoute } from './planner/rust-route.ts';
export type { RouteEngine, SelectedRoute } from './planner/rust-route.ts';
export { simulatePlan } from './planner/simulate-plan.ts';
export type { PlanEstimate } from './planner/simulate-plan.ts';
export { MOCK_MARKS_USD } from './position/mock-marks.ts';
export { positionActor } from './position/actor.ts';
export { riskActor } from './risk/actor.ts';
export { evaluateRisk } from './risk/evaluate-risk.ts';
export type { RiskCode, RiskLimits, RiskVerdict } from './risk/evaluate-risk.ts';
export { decompose, priorityOf } from './risk/heuristics.ts';
