/** Reads a record as consumers do that have nothing of ours: with the schema that the registry has under its id. */
export type OtherReader = (value: Uint8Array) => Promise<unknown>;

/**
 * The client of the registry that users of kafkajs have. Loaded when it is asked for: no app waits for it at its start.
 *
 * Throws, when it reads: whatever that client throws.
 */
export async function otherReader(registryUrl: string): Promise<OtherReader> {
  const { SchemaRegistry } = await import('@kafkajs/confluent-schema-registry');
  const registry = new SchemaRegistry({ host: registryUrl });
  return (value) => registry.decode(Buffer.from(value));
}
