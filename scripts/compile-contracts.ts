/*
 * Compiles connectors/chain/contracts/LocalTokens.sol to local-tokens.json beside it: the bytes that create each
 * contract. The same source, compiler and settings give the same bytes; a test compares.
 * Run: node_modules/.bin/node scripts/compile-contracts.ts
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

export interface Compilation {
  readonly compiler: string;
  /** `0x` and hexadecimal digits, by the contract's name. */
  readonly bytecodes: Readonly<Record<string, string>>;
}

type Contracts = Readonly<Record<string, { readonly evm: { readonly bytecode: Bytecode } }>>;
interface Bytecode {
  readonly object: string;
}
interface Output {
  readonly errors?: readonly { readonly formattedMessage: string }[];
  readonly contracts: Readonly<Record<string, Contracts>>;
}

const FOLDER = join(import.meta.dirname, '..', 'connectors', 'chain', 'contracts');
const SOURCE = 'LocalTokens.sol';
export const COMPILED = join(FOLDER, 'local-tokens.json');

const SETTINGS = {
  optimizer: { enabled: true, runs: 200 },
  evmVersion: 'paris',
  // Without the hash of comments and paths the bytes depend on the code alone.
  metadata: { bytecodeHash: 'none', appendCBOR: false },
  outputSelection: { '*': { '*': ['evm.bytecode.object'] } },
};

/** Throws: Error with what the compiler says. */
export function compileContracts(): Compilation {
  const solc = createRequire(import.meta.url)('solc') as {
    compile(input: string): string;
    version(): string;
  };
  const sources = { [SOURCE]: { content: readFileSync(join(FOLDER, SOURCE), 'utf8') } };
  const input = { language: 'Solidity', sources, settings: SETTINGS };
  const { errors = [], contracts } = JSON.parse(solc.compile(JSON.stringify(input))) as Output;
  if (errors.length > 0)
    throw new Error(errors.map(({ formattedMessage }) => formattedMessage).join('\n'));
  const bytecodes = Object.entries(contracts[SOURCE] ?? {})
    .map(([name, { evm }]) => [name, `0x${evm.bytecode.object}`] as const)
    .filter(([, bytecode]) => bytecode !== '0x');
  return { compiler: solc.version(), bytecodes: Object.fromEntries(bytecodes) };
}

if (import.meta.main) {
  writeFileSync(COMPILED, `${JSON.stringify(compileContracts(), null, 2)}\n`);
}
