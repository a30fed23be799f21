import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseIntentFile } from '../../cli/demo/intent-file.ts';
import { ROOT } from '../../cli/stack/programs.ts';

const GOOD = '{"name":"a","body":{"base":"WETH"},"expect":{"http":202,"state":"Completed"}}';

function parse(text: string) {
  return parseIntentFile(text, 'some.ndjson');
}

describe('the file of the demonstration', () => {
  it('gives a body as JSON and a raw text as it is', () => {
    const raw = '{"name":"b","raw":"{oops","expect":{"http":422,"code":"X","fields":[""]}}';
    expect(parse(`${GOOD}\n\n${raw}\n`)).toEqual([
      {
        number: 1,
        name: 'a',
        text: '{"base":"WETH"}',
        expect: { http: 202, state: 'Completed' },
      },
      { number: 3, name: 'b', text: '{oops', expect: { http: 422, code: 'X', fields: [''] } },
    ]);
  });

  it.each([
    ['no line', '\n', 'some.ndjson has no line'],
    ['no JSON', '{oops', 'line 2: is not JSON: .* put it as a text into "raw"'],
    ['no object', '[]', 'line 2: is not a JSON object'],
    ['no name', '{"body":1,"expect":{"http":202}}', 'line 2: has no name'],
    ['a name of the wrong kind', '{"name":7,"body":1,"expect":{"http":202}}', 'has no name'],
    ['neither body nor raw', '{"name":"x","expect":{"http":202}}', 'either "body" .* or "raw"'],
    ['both', '{"name":"x","body":1,"raw":"","expect":{"http":202}}', 'either "body" .* or "raw"'],
    ['a raw object', '{"name":"x","raw":{},"expect":{"http":202}}', '"raw" that is no text'],
    ['no expectation', '{"name":"x","body":1}', 'has no "expect"'],
    ['an unknown key', '{"name":"x","body":1,"expect":{"http":202},"a":1}', 'has a "a". It may'],
    ['a misspelt expectation', expecting('{"http":202,"stat":"x"}'), 'expect has a "stat"'],
    ['no status', expecting('{"state":"Failed"}'), 'expect.http is no status'],
    ['a status in quotes', expecting('{"http":"202"}'), 'expect.http is no status'],
    ['a state on the way', expecting('{"http":202,"state":"Planned"}'), 'none of Completed, Fai'],
    ['a code that is no text', expecting('{"http":422,"code":1}'), 'expect.code is no text'],
    ['one field', expecting('{"http":422,"fields":"/a"}'), 'expect.fields is no list'],
  ])('refuses %s, by line, with the remedy', (_, line, message) => {
    const text = line.trim() === '' ? line : `${GOOD}\n${line}`;
    expect(() => parse(text)).toThrow(
      expect.objectContaining({ code: 'WRONG_USE', message: expect.stringMatching(message) }),
    );
  });

  it('holds 200 lines, no block of one kind', () => {
    const lines = parse(readFileSync(join(ROOT, 'demo', 'intents.ndjson'), 'utf8'));
    expect(lines.length).toBe(200);
    const kinds = lines.map(({ expect: { http, code } }) => code ?? String(http));
    expect(new Set(kinds)).toEqual(
      new Set([
        '202',
        'NOTIONAL_LIMIT',
        'SLIPPAGE_LIMIT',
        'UNKNOWN_PAIR',
        'VALIDATION_FAILED',
        'MALFORMED_JSON',
      ]),
    );
    expect(new Set(kinds.slice(0, 40))).toEqual(new Set(kinds));
    const failing = kinds.map((kind) => (kind === '202' ? '-' : 'x')).join('');
    expect(failing).not.toMatch(/x{10}|-{25}/);
  });
});

function expecting(expectation: string): string {
  return `{"name":"x","body":1,"expect":${expectation}}`;
}
