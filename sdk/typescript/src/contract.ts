import contract from '../../contract.json' with { type: 'json' };
import type { NamedSchema } from '../../../avro/schemas.ts';

/** How one field is checked. Source: sdk/README.md, The rules. */
export interface FieldRule {
  readonly name: string;
  readonly kind:
    | 'uuid4'
    | 'uuid_or_empty'
    | 'event_type'
    | 'version'
    | 'timestamp'
    | 'id'
    | 'text'
    | 'enum'
    | 'decimal'
    | 'boolean'
    | 'object';
  readonly required: boolean;
  readonly requiredWhen?: { readonly field: string; readonly in: readonly string[] };
  readonly values?: readonly string[];
}

interface Contract {
  readonly rules: {
    readonly topic: string;
    readonly limits: Readonly<
      Record<
        | 'eventBytes'
        | 'idBytes'
        | 'textBytes'
        | 'decimalChars'
        | 'decimalExponent'
        | 'depth'
        | 'yearMin'
        | 'yearMax',
        number
      >
    >;
    readonly patterns: Readonly<Record<'uuid4' | 'uuid' | 'timestamp' | 'decimal', string>>;
    readonly codes: Readonly<Record<string, string>>;
    readonly envelope: readonly FieldRule[];
    readonly events: Readonly<
      Record<string, { readonly record: string; readonly payload: readonly FieldRule[] }>
    >;
  };
  /** Self-contained, by full name of the record. */
  readonly schemas: Readonly<Record<string, NamedSchema>>;
}

/** The rules and schemas that the server has too; made by scripts/generate-sdk-contract.ts. */
export const CONTRACT = contract as unknown as Contract;
export const RULES = CONTRACT.rules;
