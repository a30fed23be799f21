import { describe, expect, it } from 'vitest';
import { aboutOf, systemsOf } from '../../bench/chain/run.ts';
import { variants } from '../../cli/bench/variant-option.ts';

const WHERE = { prefix: 'p.', member: '1', folder: '/f', work: 'chain', env: { A: '1' } } as const;

/** The system that runs for a text of `--variant`, beside the one that it is a variant of. */
function ran(text: string) {
  const { running } = systemsOf(['millrace'], 'chain', variants('variant', [text]));
  const [usual, variant] = running.map((system) => ({
    about: aboutOf(system),
    command: system.command(WHERE),
  }));
  if (usual === undefined || variant === undefined) throw new Error('both run');
  return { usual, variant };
}

describe('a variant of this system', () => {
  it('K-12 is the same but for flags of Node and settings', () => {
    const { usual, variant } = ran('young=--max-semi-space-size=16 --no-opt LOG_LEVEL=a=b');
    const { args, ...command } = variant.command;
    const [, ...asked] = usual.command.args;
    expect(args.slice(0, 2)).toEqual(['--max-semi-space-size=16', '--no-opt']);
    expect(args.slice(3)).toEqual(asked);
    expect(command).toEqual({
      file: usual.command.file,
      env: { ...usual.command.env, LOG_LEVEL: 'a=b' },
    });
  });

  it('K-12 is started as this system is, where it has no flags', () => {
    const { usual, variant } = ran('loud=LOG_LEVEL=debug');
    expect(variant.command.args).toEqual(usual.command.args);
  });

  it('K-12 is told from others by its name, and says what it was run with', () => {
    const { usual, variant } = ran('young=--max-semi-space-size=16 LOG_LEVEL=info');
    expect(variant.about).toEqual({
      ...usual.about,
      name: 'young',
      what: 'millrace with the flags --max-semi-space-size=16 alone and LOG_LEVEL=info',
      settings: { ...usual.about.settings, LOG_LEVEL: 'info' },
    });
  });

  it.each([
    ['LOG_LEVEL=info', 'begin it with a name'],
    ['young', 'begin it with a name'],
    ['young=', 'give flags of Node'],
    ['young=16', '16 is neither a flag'],
    ['young=--import x', 'x is neither a flag'],
    ['young=log=info', 'log=info is neither a flag'],
    ['twin=LOG_LEVEL=info', 'a system of that name'],
    ['young=TOPIC_PREFIX=x KAFKA_BROKERS=y', 'TOPIC_PREFIX and KAFKA_BROKERS is set by the run'],
    ['young=--no-such-flag', 'bad option: --no-such-flag'],
    ['young=--max-semi-space-size=x', 'illegal value for flag'],
  ])('K-12 is refused where it is %s', (text, why) => {
    const read = () => variants('variant', [text]);
    expect(read).toThrow(`--variant is ${text}; `);
    expect(read).toThrow(why);
  });

  it('K-12 has a name of its own', () => {
    const texts = ['young=LOG_LEVEL=info', 'young=LOG_LEVEL=warn'];
    expect(() => variants('variant', texts)).toThrow('a system of that name');
  });
});
