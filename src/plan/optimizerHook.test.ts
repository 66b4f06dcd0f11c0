import { describe, expect, test } from 'vitest';
import { setSource } from '../lang/sourceMap.ts';
import { Parameter } from '../nn/index.ts';
import { Adam, LBFGS } from '../optim/index.ts';
import { BuildContext } from '../registry/buildContext.ts';
import { createRunRegistries } from '../registry/registries.ts';
import { createMemoryFs } from '../storage/memoryFs.ts';
import { buildOptimizerHook } from './optimizerHook.ts';
import './registerAll.ts';
import { at } from '../util/at.ts';

const context = new BuildContext(createRunRegistries(), {
  fs: createMemoryFs({}),
  decodeImage: () => Promise.reject(new Error('no pictures here')),
  seed: 0,
  warn: () => undefined,
});
const adam = new Adam({ params: [new Parameter([1])] });
const nameOf = (dict: Record<string, unknown>): string | undefined =>
  buildOptimizerHook(dict, adam, context)?.hookName;

describe('buildOptimizerHook', () => {
  test('the hook is the one that the config means', () => {
    expect(nameOf({ optimizer_config: {} })).toBe('OptimizerHook');
    expect(nameOf({ optimizer_config: null })).toBeUndefined();
    expect(nameOf({ optimizer_config: null, fp16: {} })).toBe('Fp16OptimizerHook');
    const cumulative = { type: 'GradientCumulativeOptimizerHook', cumulative_iters: 2 };
    expect(nameOf({ optimizer_config: cumulative, fp16: { loss_scale: 2 } })).toBe(
      'GradientCumulativeFp16OptimizerHook',
    );
  });

  test.each([
    ['a slip in fp16', { los_scale: 512 }, 'fp16.los_scale', "did you mean 'loss_scale'?"],
    [
      'a bad value in fp16',
      { loss_scale: 'static' },
      'fp16.loss_scale',
      "write fp16 = dict(loss_scale='dynamic')",
    ],
  ])('%s is told there, not in optimizer_config', (_, fp16, path, hint) => {
    const span = { file: 'a.py', from: 0, to: 1, line: 2, column: 3, endLine: 2, endColumn: 4 };
    setSource(fp16, at(Object.keys(fp16), 0), { span });
    expect(() => nameOf({ optimizer_config: { grad_clip: null }, fp16 })).toThrow(
      expect.objectContaining({ path, span, hint: expect.stringContaining(hint) }),
    );
  });

  test('a slip in optimizer_config stays there', () => {
    expect(() => nameOf({ optimizer_config: { grad_clp: null }, fp16: {} })).toThrow(
      expect.objectContaining({ path: 'optimizer_config.grad_clp' }),
    );
  });

  test('LBFGS and added gradients are refused before the run', () => {
    const lbfgs = new LBFGS({ params: [new Parameter([1])] });
    for (const type of ['GradientCumulativeOptimizerHook', 'GradientCumulativeFp16OptimizerHook'])
      expect(() => buildOptimizerHook({ optimizer_config: { type } }, lbfgs, context)).toThrow(
        expect.objectContaining({
          message: "gradients can't be added up for LBFGS, which needs the loss of one batch again and again",
          path: 'optimizer_config.type',
        }),
      );
    expect(buildOptimizerHook({ optimizer_config: {} }, lbfgs, context)?.hookName).toBe('OptimizerHook');
  });
});
