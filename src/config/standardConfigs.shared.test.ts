// The standard configs in `configs/` must resolve to the values of MMDetection 2.28.2's.

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { sharedDir } from '../util/testing/sharedDir.ts';
import { loadConfig } from './config.ts';
import { encodeValue } from './encode.ts';

const repository = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string): Promise<string | null> =>
  Promise.resolve(existsSync(repository + path) ? readFileSync(repository + path, 'utf8') : null);

describe.runIf(sharedDir)('standard configs', () => {
  const text = sharedDir ? readFileSync(`${sharedDir}fixtures/config.json`, 'utf8') : '{"cases":[]}';
  const { cases } = JSON.parse(text) as {
    cases: { id: string; kind: string; out: Record<string, unknown> }[];
  };
  const ours = cases
    .filter((c) => c.kind === 'real_mmdet_config')
    .map((c) => ({ ...c, path: c.id.replace(/^mmdet\//, 'configs/') }))
    .filter((c) => existsSync(repository + c.path));

  test('seven of them are in the fixtures', () => {
    expect(ours.map((c) => c.path)).toHaveLength(7);
  });

  test.each(ours)('$path', async ({ path, out }) => {
    const { config, diagnostics } = await loadConfig(path, read);
    expect(diagnostics).toEqual([]);
    const got = encodeValue(config?.dict) as Record<string, unknown>;
    expect(got).toEqual(out);
    expect(Object.keys(got)).toEqual(Object.keys(out));
  });
});
