// An ESLint plugin of one rule: what each folder may import. The table is data, so that the whole of the
// architecture's direction can be read here; ARCHITECTURE.md draws the same.
import { builtinModules } from 'node:module';
import { dirname, relative, resolve, sep } from 'node:path';

/** The pure library that counts as the processors' own (docs/adr/006-dependencies.md). */
const DECIMALS = 'decimal.js';

/**
 * folders: what may be imported besides the folder itself; packages: allowed npm packages (absent: any);
 * builtins: whether node:* is allowed, or which of it, for what calculates and does not act; islands: subfolders that may not import each other.
 * Folders that are not listed may import anything.
 */
export const WALLS = {
  engine: { folders: [], packages: [], builtins: ['node:crypto'] },
  avro: { folders: ['engine'], builtins: true },
  processors: { folders: ['engine', 'avro'], packages: [DECIMALS], builtins: false },
  topologies: { folders: ['engine', 'avro', 'processors'], packages: [], builtins: false },
  sdk: { folders: ['engine', 'avro', 'kafka'], builtins: true },
  kafka: { folders: ['engine', 'avro'], builtins: true },
  connectors: {
    folders: ['engine', 'avro', 'processors', 'topologies', 'kafka'],
    builtins: true,
    islands: true,
  },
  gateway: {
    folders: ['engine', 'avro', 'processors', 'topologies', 'kafka', 'connectors'],
    builtins: true,
  },
  testing: {
    folders: ['engine', 'avro', 'processors', 'topologies', 'kafka', 'connectors'],
    builtins: true,
  },
  package: { folders: ['engine', 'avro', 'kafka', 'testing'], packages: [], builtins: false },
  apps: {
    folders: ['engine', 'avro', 'processors', 'topologies', 'kafka', 'connectors', 'gateway'],
    builtins: true,
  },
};

/** A Kafka client library → who may import it: its adapter, the raw twin that bench compares with, strangers in contract tests. */
export const CLIENT_LIBRARIES = {
  '@platformatic/kafka':
    /^(kafka\/platformatic(\.ts$|\/)|bench\/|test\/contract\/|test\/(unit|property)\/kafka-)/,
  kafkajs: /^(examples\/|kafka\/kafkajs(\.ts$|\/)|bench\/|test\/unit\/kafka-)/,
};

const packageOf = (source) =>
  source
    .split('/')
    .slice(0, source.startsWith('@') ? 2 : 1)
    .join('/');

const isBuiltin = (source) => source.startsWith('node:') || builtinModules.includes(source);

const allowsBuiltin = (wall, source) =>
  Array.isArray(wall?.builtins) ? wall.builtins.includes(source) : wall?.builtins !== false;

/** Why `file` may not import `source`, both relative to the root; null when it may. */
export function objection(file, source) {
  const [folder, island] = file.split('/');
  const wall = WALLS[folder];
  if (source.startsWith('.'))
    return wall ? folderObjection(wall, folder, island, file, source) : null;
  if (isBuiltin(source))
    return allowsBuiltin(wall, source)
      ? null
      : `${folder}/ may not import ${source}: it acts; let the shell do it`;
  const name = packageOf(source);
  const only = CLIENT_LIBRARIES[name];
  if (only && !only.test(file))
    return `${name} is imported by its adapter only; use the port in kafka/client.ts`;
  if (wall?.packages && !wall.packages.includes(name))
    return `${folder}/ may not import ${name}; allowed: ${wall.packages.join(', ') || 'none'}`;
  return null;
}

function folderObjection(wall, folder, island, file, source) {
  const target = relative('.', resolve(dirname(file), source)).split(sep);
  if (target.length === 1) return null;
  if (target[0] === folder) {
    const apart = wall.islands && file.split('/').length > 2 && target.length > 2;
    return apart && target[1] !== island
      ? `${folder}/${island} may not import ${folder}/${target[1]}; wire them together in apps/`
      : null;
  }
  if (wall.folders.includes(target[0])) return null;
  return `${folder}/ may not import ${target[0]}/; allowed: ${wall.folders.join(', ') || 'nothing but itself'}`;
}

const walls = {
  meta: { type: 'problem', schema: [], messages: { wall: '{{reason}}.' } },
  create(context) {
    const file = relative(context.cwd, context.filename).split(sep).join('/');
    const check = (node, source) => {
      if (typeof source?.value !== 'string') return;
      const reason = objection(file, source.value);
      if (reason) context.report({ node, messageId: 'wall', data: { reason } });
    };
    return {
      ImportDeclaration: (node) => check(node, node.source),
      ExportNamedDeclaration: (node) => check(node, node.source),
      ExportAllDeclaration: (node) => check(node, node.source),
      ImportExpression: (node) => check(node, node.source),
      TSImportType: (node) => check(node, node.source ?? node.argument?.literal),
    };
  },
};

export default { meta: { name: 'millrace' }, rules: { walls } };
