export { type ApiKey, ApiKeysError, authorizeByKey, parseApiKeys } from './api-keys.ts';
export { type Nonces, SignatureCheck, signedText } from './signature.ts';
export { registerSignatures } from './signed-requests.ts';
