// What the arguments of hooks must be is told at their place, before anything is trained.

import { expect, test } from 'vitest';
import { evaluateText } from '../lang/evaluate.ts';
import { BuildContext } from '../registry/buildContext.ts';
import { Hook } from '../runner/hooks/hook.ts';
import { createRunRegistries, HOOKS } from '../registry/registries.ts';
import type { ArgSpec } from '../registry/argSpec.ts';
import { createMemoryFs } from '../storage/memoryFs.ts';
import { buildHook } from './buildHook.ts';
import './registerAll.ts';

function build(text: string): unknown {
  const { value, diagnostics } = evaluateText(`hook = ${text}\n`, { file: 'a.py' });
  expect(diagnostics).toEqual([]);
  const context = new BuildContext(createRunRegistries(), {
    fs: createMemoryFs(),
    decodeImage: () => Promise.reject(new Error('not used')),
    seed: 0,
    warn: () => undefined,
  });
  return buildHook(value.hook, 'custom_hooks[0]', context);
}

test.each([
  ['EMAHook', "warm_up='x'", 'a number of at least 0'],
  ['EMAHook', 'warm_up=-1', 'a number of at least 0'],
  ['EMAHook', 'interval=1.5', 'a whole number of at least 1'],
  ['EMAHook', 'momentum=None', 'a number between 0 and 1'],
  ['EMAHook', 'resume_from=3', 'a string or None'],
  ['ExpMomentumEMAHook', 'total_iter=0', 'a number greater than 0'],
  ['ExpMomentumEMAHook', "skip_buffers='no'", 'True or False'],
  ['LinearMomentumEMAHook', 'warm_up=[1]', 'a number greater than 0'],
  ['OptimizerHook', 'grad_clip=35', 'a dict or None'],
  ['OptimizerHook', "detect_anomalous_params='x'", 'True or False'],
  ['Fp16OptimizerHook', "distributed='x'", 'True or False'],
  ['GradientCumulativeOptimizerHook', 'cumulative_iters=2.5', 'a whole number of at least 1'],
  ['GradientCumulativeFp16OptimizerHook', 'cumulative_iters=0', 'a whole number of at least 1'],
  ['SyncBuffersHook', 'distributed=2', 'True or False'],
  ['SyncNormHook', "interval='1'", 'a whole number'],
  ['ProfilerHook', "with_stack='x'", 'True or False'],
  ['CheckpointHook', "file_client_args='disk'", 'a dict or None'],
  ['TextLoggerHook', 'out_suffix=3', 'a string or a list or tuple of strings'],
])('%s(%s)', (type, argument, wanted) => {
  const [key] = argument.split('=');
  expect(() => build(`dict(type='${type}', ${argument})`)).toThrow(
    expect.objectContaining({
      message: expect.stringContaining(`${type}: ${key} must be ${wanted}, but got `) as string,
      path: `custom_hooks[0].${key}`,
      span: expect.objectContaining({ file: 'a.py', line: 1 }) as object,
    }),
  );
});

// EvalHook's and ProfilerHook's by_epoch is asserted to be a bool in MMCV.
test('Python takes 0 and 1 for False and True', () => {
  const taken = [
    ['CheckpointHook', 'by_epoch=1, save_last=0'],
    ['TextLoggerHook', 'by_epoch=0, ignore_last=1, reset_flag=0'],
    ['EarlyStoppingHook', "monitor='bbox_mAP', strict=1, check_finite=0"],
    ['EmptyCacheHook', 'before_epoch=1'],
  ];
  for (const [type, args] of taken) expect(build(`dict(type='${type}', ${args})`)).toBeInstanceOf(Hook);
  expect(() => build("dict(type='CheckpointHook', by_epoch=2)")).toThrow('must be True or False, but got 2');
  expect(() => build("dict(type='ProfilerHook', by_epoch=1)")).toThrow('must be True or False, but got 1');
});

test('every hook of ours says what its arguments must be, or checks them itself', () => {
  // Without effect, checked by the hook, or refused as a whole.
  const others = /^(activities|on_trace_ready|skip_type_keys|loss_scale|fn)$/;
  const refused = /^(RFSearchHook|(Pavi|Neptune|Segmind|ClearML)LoggerHook|MMDetWandbHook)$/;
  const open: string[] = [];
  for (const name of HOOKS.names()) {
    const {
      required = [],
      optional = [],
      rest,
      kinds = {},
    } = (HOOKS.get(name) as { args?: ArgSpec }).args ?? {};
    // Most of Dvclive's choose what only its own client does.
    if (rest || refused.test(name) || name === 'DvcliveLoggerHook') continue;
    for (const key of [...required, ...optional])
      if (!(key in kinds) && !others.test(key)) open.push(`${name}.${key}`);
  }
  expect(open).toEqual([]);
});
