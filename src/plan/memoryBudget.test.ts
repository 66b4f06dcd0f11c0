// The budget that a run tells before its first step, against what it then holds.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { memory, onIdle, trimMemory } from '../gpu/index.ts';
import { testAdapter } from '../gpu/testing/adapter.ts';
import { RunControl } from '../runner/runControl.ts';
import { createMemoryFs } from '../storage/memoryFs.ts';
import type { MemoryBudget } from '../contracts/runEvents.ts';
import { train } from '../run/train.ts';
import { at } from '../util/at.ts';

await testAdapter();

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

const CONFIG = `_base_ = ['./retinanet_tiny_shapes.py']
model = dict(backbone=dict(base_channels=16))
data = dict(samples_per_gpu=2, train=dict(num_images=8, img_scale=(64, 64)), val=dict(num_images=2, img_scale=(96, 96)))
runner = dict(max_epochs=1)
log_config = dict(interval=2)
checkpoint_config = None
evaluation = dict(interval=1)
`;

interface Planned {
  readonly mode: string;
  readonly budget: MemoryBudget;
}

/** @returns the plans, what the GPU held at the end of the last epoch, and the log */
async function run(config: string): Promise<{ plans: Planned[]; heldBytes: number; log: string }> {
  const plans: Planned[] = [];
  const lines: string[] = [];
  let heldBytes = 0;
  await train({
    configPath: 'workspace/configs/shapes/own.py',
    fs: createMemoryFs({
      'workspace/configs/_base_/default_runtime.py': read('configs/_base_/default_runtime.py'),
      'workspace/configs/shapes/retinanet_tiny_shapes.py': read('configs/shapes/retinanet_tiny_shapes.py'),
      'workspace/configs/shapes/own.py': CONFIG + config,
    }),
    decodeImage: () => Promise.reject(new Error('no pictures here')),
    control: new RunControl(),
    onInvalidLoss: 'go-on',
    onEvent: (event) => {
      if (event.name === 'run.planned') plans.push(event);
      if (event.name === 'run.logged') lines.push(event.line);
      if (event.name !== 'run.evaluated') return;
      trimMemory();
      heldBytes = memory().numBytesInGpu;
    },
  });
  await onIdle();
  return { plans, heldBytes, log: lines.join('\n') };
}

test.each([
  ['SGD', `optimizer = dict(_delete_=True, type='SGD', lr=0.01, momentum=0.9)\n`],
  [
    'Adam, averages of the weights, sums of gradients',
    `optimizer = dict(_delete_=True, type='Adam', lr=0.001)
custom_hooks = [dict(type='EMAHook', priority=49)]
optimizer_config = dict(_delete_=True, type='GradientCumulativeOptimizerHook', cumulative_iters=2)
`,
  ],
  ['Adafactor', `optimizer = dict(_delete_=True, type='Adafactor', lr=0.001)\n`],
])('the budget is what the run holds: %s', async (_, config) => {
  const { plans, heldBytes, log } = await run(config);
  expect(plans.map(({ mode }) => mode)).toEqual(['train', 'test']);
  const { budget } = at(plans, plans.length - 1);
  expect(Math.abs(heldBytes / budget.total - 1)).toBeLessThan(0.05);
  expect(log).toContain('GPU memory: parameters');
});
