import { join } from 'node:path';

export { GatewayNotes } from './gateway-notes.ts';
export type { SubmissionNote } from './gateway-notes.ts';
export { isReadModelTopic, readModelKey } from './keys.ts';
export type { ReadModelTopic } from './keys.ts';
export { ReadModelError } from './read-model-error.ts';
export type { ReadModelErrorCode } from './read-model-error.ts';
export { ReadModelReader, ReadModelWriter } from './read-models.ts';
export type { ProjectedBatch, ProjectedEntry } from './read-models.ts';
export { ReplayedModels } from './replayed-models.ts';
export type { ReplayedModel, SwapReport } from './replayed-models.ts';

/** The users of Redis and what each may do, as its setting `aclfile` takes them. */
export const USERS_FILE: string = join(import.meta.dirname, 'users.acl');
