// `millrace` on the flags that Node was given and no others: cli/bin.mjs sets some of the heap itself.
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

// As cli/bin.mjs does, so that a start takes as long.
enableCompileCache(join(import.meta.dirname, '..', '..', '.cache', 'node'));
const { runCommandLine } = await import('../../cli/main.ts');
await runCommandLine(process.argv.slice(2));
