/** Who asks for what, as far as the gateway knows. */
export interface AccessRequest {
  readonly action: 'intent.submit' | 'stream.read' | 'bots.write';
  readonly apiKey: string | null;
}

/** Decides before a body is looked at. */
export type Authorize = (request: AccessRequest) => boolean | Promise<boolean>;

/** Stands in for an authorization service: it says the same to everybody. Source: B-86. */
export function fixedAuthorization(policy: 'allow' | 'deny'): Authorize {
  return () => policy === 'allow';
}
