// The published NanoDet-g: what it says of a picture is what PyTorch computes from the same weights.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { modelContext } from '../../../conformance/suites/modelCase.ts';
import { formulaInput } from '../../../conformance/suites/weightFormula.ts';
import { loadConfigOrThrow } from '../../config/config.ts';
import { read, sigmoid, tidy } from '../../gpu/index.ts';
import { testAdapter } from '../../gpu/testing/adapter.ts';
import { readGraphModel } from '../../serialization/tfjsGraph/graphModel.ts';
import { nanoDetState } from '../../serialization/tfjsGraph/nanoDetState.ts';
import { sharedDir } from '../../util/testing/sharedDir.ts';
import { uploadImages } from './baseDetector.ts';
import type { NanoDet } from './nanoDet.ts';
import '../index.ts';

await testAdapter();

interface Expected {
  readonly formula_input: {
    readonly shape: readonly number[];
    readonly outputs: Readonly<
      Record<
        string,
        { readonly mean: number; readonly std: number; readonly abs_max: number; readonly first: number[] }
      >
    >;
  };
}

test.skipIf(!sharedDir)('its scores and distributions are those of expected.json', async () => {
  const folder = join(sharedDir ?? '', 'data/seeds/nanodet_g');
  const text = (name: string): string => readFileSync(join(folder, name), 'utf8');
  const base = readFileSync(new URL('../../../configs/_base_/models/nanodet_g.py', import.meta.url), 'utf8');
  const { dict } = await loadConfigOrThrow('a.py', () => Promise.resolve(base));
  const model = modelContext().build<NanoDet>('MODELS', dict.model, 'model');
  const graph = await readGraphModel(text('nanodet.json'), (name) =>
    Promise.resolve(readFileSync(join(folder, name))),
  );
  const report = model.loadStateDict(nanoDetState(graph));
  expect(report).toMatchObject({
    unexpected: [],
    mismatched: [],
    missing: [],
  });

  const { formula_input: wanted } = JSON.parse(text('expected.json')) as Expected;
  const [, channels = 0, height = 0, width = 0] = wanted.shape;
  const img = formulaInput('input', wanted.shape);
  const outputs = tidy(() => {
    const levels = model.bboxHead.forward(
      model.extractFeat(uploadImages({ img, shape: [1, height, width, channels], imgMetas: [] })),
    );
    return [...(levels[0] ?? []).map((scores) => sigmoid(scores)), ...(levels[1] ?? [])];
  });
  let largest = 0;
  for (const [i, output] of outputs.entries()) {
    const {
      mean,
      abs_max: scale,
      first,
    } = wanted.outputs[i === 0 ? 'Identity:0' : `Identity_${i}:0`] ?? {
      mean: NaN,
      abs_max: NaN,
      first: [],
    };
    const values = await read(output);
    const errors = first.map((value, k) => Math.abs(value - (values[k] ?? NaN)) / scale);
    errors.push(Math.abs([...values].reduce((sum, value) => sum + value, 0) / values.length - mean) / scale);
    largest = Math.max(largest, ...errors);
  }
  expect(largest).toBeLessThan(1e-5);
  console.log(`largest difference, of the largest value: ${largest.toExponential(1)}`);
  model.dispose();
});
