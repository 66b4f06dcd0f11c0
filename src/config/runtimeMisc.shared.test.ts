import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { sharedDir } from '../util/testing/sharedDir.ts';
import { ConfigError } from '../errors/trainerError.ts';
import { compatCfg } from './compatCfg.ts';
import { decodeValue, encodeValue } from './encode.ts';
import { replaceCfgVals } from './replaceCfgVals.ts';

interface Case {
  readonly id: string;
  readonly kind: string;
  readonly cfg: unknown;
  readonly out?: unknown;
  readonly error?: { readonly type: string };
  readonly number_of_warnings?: number;
}
const CODES: Readonly<Record<string, readonly string[]>> = {
  KeyError: ['missing-key'],
  TypeError: ['missing-key', 'bad-type'],
  AssertionError: ['conflicting-settings', 'bad-replacement'],
  AttributeError: ['missing-runner', 'missing-data'],
};

describe.runIf(sharedDir)('runtime_misc.json', () => {
  const text = sharedDir ? readFileSync(`${sharedDir}fixtures/runtime_misc.json`, 'utf8') : '{"cases":[]}';
  const { cases } = JSON.parse(text) as { cases: Case[] };
  const mine = cases.filter((c) => c.kind === 'replace_cfg_vals' || c.kind === 'compat_cfg');

  test('has cases of both kinds', () => {
    expect(new Set(mine.map((c) => c.kind)).size).toBe(2);
  });

  test.each(mine)('$id', (c) => {
    const cfg = decodeValue(c.cfg) as Record<string, unknown>;
    const run = (): { out: unknown; warnings: number } => {
      if (c.kind === 'replace_cfg_vals') return { out: encodeValue(replaceCfgVals(cfg)), warnings: 0 };
      const { dict, warnings } = compatCfg(cfg);
      return { out: encodeValue(dict), warnings: warnings.length };
    };
    if (c.error) {
      let code = '';
      try {
        run();
      } catch (error) {
        if (error instanceof ConfigError) code = error.code;
      }
      expect(CODES[c.error.type]).toContain(code);
      return;
    }
    const { out, warnings } = run();
    expect(out).toEqual(c.out);
    expect(warnings).toBe(c.number_of_warnings ?? 0);
  });
});
