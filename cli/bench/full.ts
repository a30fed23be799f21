import { parseArgs } from 'node:util';
import { isDone, PARTS, runPart } from '../../bench/full.ts';
import { VoidRunError } from '../../bench/latency/audit.ts';
import type { Benchmark } from './benchmark.ts';
import { choices } from './number-option.ts';

export const full: Benchmark = {
  summary: 'every peer, shape and recovery, part by part',
  usage: `
Usage: millrace bench full [--only a,b] [--again]

Some hours in parts of up to 15 minutes, each with a result file of its own in bench/results/full. A part that has a result of
this commit is not run again (--again: it is), so a run that was ended goes on where it was. A void part is named, and the
others go on; exit code 3 then. Parts: ${PARTS.map(({ name }) => name).join(', ')}.`,
  async run(args, io) {
    const names = PARTS.map(({ name }) => name);
    const { values } = parseArgs({
      args: [...args],
      options: {
        only: { type: 'string', default: names.join() },
        again: { type: 'boolean', default: false },
      },
    });
    const asked = choices('only', values.only, names);
    let isVoid = false;
    for (const part of PARTS.filter(({ name }) => asked.includes(name))) {
      if (!values.again && isDone(part)) {
        io.out(`${part.name}: has its result`);
        continue;
      }
      io.out(`${part.name}:`);
      try {
        for (const line of await runPart(part, io.err)) io.out(line);
      } catch (error) {
        if (!(error instanceof VoidRunError)) throw error;
        io.err(`${part.name}: ${error.message}`);
        isVoid = true;
      }
    }
    return isVoid ? 3 : 0;
  },
};
