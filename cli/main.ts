import { readdirSync } from 'node:fs';
import { extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigError } from '../apps/config.ts';
import { UsageError, type Command, type ExitCode, type Io } from './command.ts';

export { paceHeap } from '../apps/heap-pace.ts';

const FOLDER = join(import.meta.dirname, 'commands');
/** `.ts` in a clone, `.js` in the package. */
const EXTENSION = extname(import.meta.filename);

/** Runs one command line and sets the exit code of this process; what stays open (a server) keeps it alive. */
export async function runCommandLine(argv: readonly string[]): Promise<void> {
  // A reader that went away (`| head`) is no reason to leave servers behind.
  process.stdout.on('error', ignore);
  process.stderr.on('error', ignore);
  const io: Io = {
    out: (line) => void process.stdout.write(`${line}\n`),
    err: (line) => void process.stderr.write(`${line}\n`),
    env: process.env,
  };
  process.exitCode = await runCommand(argv, io);
}

/** Finds the command, runs it, and turns what it throws into a message and an exit code. */
export async function runCommand(argv: readonly string[], io: Io): Promise<ExitCode> {
  const [name, ...args] = argv;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    io.out(await overview());
    return name === undefined ? 2 : 0;
  }
  if (!commandNames().includes(name)) {
    io.err(`millrace has no command ${name}. It has: ${commandNames().join(', ')}.`);
    return 2;
  }
  const command = await load(name);
  if (wantsHelp(args)) {
    io.out(command.usage.trim());
    return 0;
  }
  try {
    return await command.run(args, io);
  } catch (error) {
    return explain(error, { command, json: args.includes('--json'), io });
  }
}

/** The names of the files in cli/commands/. */
export function commandNames(): readonly string[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith(EXTENSION))
    .map((file) => file.slice(0, -EXTENSION.length))
    .sort();
}

async function load(name: string): Promise<Command> {
  const module: { readonly command: Command } = await import(
    pathToFileURL(join(FOLDER, name + EXTENSION)).href
  );
  return module.command;
}

async function overview(): Promise<string> {
  const commands = await Promise.all(commandNames().map(load));
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(10)} ${summary}`);
  return ['Usage: millrace <command> [--help] [--json]', '', ...lines].join('\n');
}

function wantsHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  const own = end === -1 ? args : args.slice(0, end);
  return own.includes('--help') || own.includes('-h');
}

function explain(
  error: unknown,
  options: { readonly command: Command; readonly json: boolean; readonly io: Io },
): ExitCode {
  const { command, json, io } = options;
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  const wrongUse = typeof code === 'string' && code.startsWith('ERR_PARSE_ARGS');
  if (json) io.err(JSON.stringify({ error: { code: code ?? 'UNEXPECTED', message } }));
  else if (typeof code === 'string') io.err(`${String(message)}`);
  else io.err(error instanceof Error ? (error.stack ?? error.message) : String(error));
  if (wrongUse && !json) io.err(`See millrace ${command.name} --help.`);
  return wrongUse || error instanceof UsageError || error instanceof ConfigError ? 2 : 1;
}

function ignore(): void {}

if (import.meta.main) await runCommandLine(process.argv.slice(2));
