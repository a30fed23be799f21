export { isReadModelTopic, readModelKey } from './keys.ts';
export type { ReadModelTopic } from './keys.ts';
export { ReadModelError } from './read-model-error.ts';
export type { ReadModelErrorCode } from './read-model-error.ts';
export { ReadModelReader, ReadModelWriter } from './read-models.ts';
export type { ProjectedBatch, ProjectedEntry } from './read-models.ts';
export { ReplayedModels } from './replayed-models.ts';
export type { ReplayedModel, SwapReport } from './replayed-models.ts';
