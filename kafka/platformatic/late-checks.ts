import { createRequire } from 'node:module';

/*
 * The library compiles a check of options for each of its calls as its modules load, a good part of the time they take, and uses none of
 * them unless `strict` is set, which this adapter never does. Imported in front of the library, this has them compiled when they
 * are first used; `restoreChecks` is for behind it.
 */

type Check = ((value: unknown) => unknown) & { errors?: unknown };

interface Compiler {
  readonly opts: { validateSchema: unknown };
  compile(schema: unknown): Check;
}

const ofLibrary = createRequire(import.meta.resolve('@platformatic/kafka'));
const { Ajv2020 } = ofLibrary('ajv/dist/2020.js') as { readonly Ajv2020: { prototype: Compiler } };
// Inherited: what is set here hides it for a while.
const { compile } = Ajv2020.prototype;

Ajv2020.prototype.compile = function (this: Compiler, schema) {
  let compiled: Check | null = null;
  const late: Check = (value) => {
    compiled ??= compiledBy(this, schema);
    const isRight = compiled(value);
    late.errors = compiled.errors;
    return isRight;
  };
  return late;
};

/** The library's schemas are sound: to check them would mean to compile the schema of schemas first. */
function compiledBy(compiler: Compiler, schema: unknown): Check {
  const { validateSchema } = compiler.opts;
  compiler.opts.validateSchema = false;
  try {
    return compile.call(compiler, schema);
  } finally {
    compiler.opts.validateSchema = validateSchema;
  }
}

/** The library is loaded: others compile as ever. */
export function restoreChecks(): void {
  delete (Ajv2020.prototype as Partial<Compiler>).compile;
}
