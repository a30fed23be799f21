import { createHmac, randomUUID } from 'node:crypto';
import { signedText } from '../../gateway/index.ts';

/** The headers with which a caller signs a request; `changes` are made before signing, `forged` after. */
export function signed(
  key: { readonly id: string; readonly secret: string },
  request: { readonly method: string; readonly target: string; readonly body?: string },
  changes: { readonly timestamp?: number; readonly nonce?: string } = {},
): Record<string, string> {
  const timestamp = String(changes.timestamp ?? Math.floor(Date.now() / 1000));
  const nonce = changes.nonce ?? randomUUID();
  const { method, target, body = '' } = request;
  const text = signedText({ timestamp, nonce, method, target, body: Buffer.from(body) });
  return {
    'x-api-key': key.id,
    'x-timestamp': timestamp,
    'x-nonce': nonce,
    'x-signature': createHmac('sha256', key.secret).update(text).digest('hex'),
  };
}
