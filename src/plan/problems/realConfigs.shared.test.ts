// No real config may raise a false alarm: MMDetection 2.28.2's from the fixtures, and those that are shipped.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../config/config.ts';
import { decodeValue } from '../../config/encode.ts';
import { sharedDir } from '../../util/testing/sharedDir.ts';
import { findConfigProblems } from './index.ts';

const repository = fileURLToPath(new URL('../../../', import.meta.url));
/** Of COCO's training pictures, two at a time. */
const COCO = { itersPerEpoch: 58633 };

describe.runIf(sharedDir)('configs of MMDetection 2.28.2', () => {
  const text = sharedDir ? readFileSync(`${sharedDir}fixtures/config.json`, 'utf8') : '{"cases":[]}';
  const { cases } = JSON.parse(text) as { cases: { id: string; kind: string; out: unknown }[] };
  const real = cases.filter(({ kind }) => kind === 'real_mmdet_config');

  test('there are 33 of them', () => {
    expect(real).toHaveLength(33);
  });

  test.each(real)('$id', ({ out }) => {
    expect(findConfigProblems(decodeValue(out) as Record<string, unknown>, COCO)).toEqual([]);
  });
});

describe('shipped configs', () => {
  const files = readdirSync(`${repository}configs`, { recursive: true, encoding: 'utf8' });
  const paths = files.filter((path) => path.endsWith('.py')).map((path) => `configs/${path}`);
  const read = (path: string): Promise<string | null> =>
    Promise.resolve(existsSync(repository + path) ? readFileSync(repository + path, 'utf8') : null);

  test.each(paths)('%s', async (path) => {
    const { config } = await loadConfig(path, read);
    // What the steps of Learn inherit saves and evaluates nothing, on purpose: no false alarm.
    const expected = path === 'configs/learn/short_run.py' ? ['never-saved', 'never-evaluated'] : [];
    expect(findConfigProblems(config?.dict ?? {}).map(({ code }) => code)).toEqual(expected);
  });
});
