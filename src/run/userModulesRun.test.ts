// Runs with a person's own modules, end to end: the page's templates, trained with on generated pictures.

import { readFileSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import { formatReport, toErrorReport } from '../errors/trainerError.ts';
import { memory } from '../gpu/index.ts';
import { testAdapter } from '../gpu/testing/adapter.ts';
import { RunControl } from '../runner/runControl.ts';
import { createMemoryFs } from '../storage/memoryFs.ts';
import { train } from './train.ts';
import type { TakeStray } from '../usercode/strayErrors.ts';
import { take } from '../util/at.ts';

await testAdapter();

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const template = (name: string): string => read(`src/ui/editor/templates/${name}.ts`);
const OPTIMIZER = template('my_optimizer');
const FOLDER = 'workspace/mmdet/core/optimizer';

/** The default config, as short as can be. */
const CONFIG = `_base_ = ['./retinanet_tiny_shapes.py']
data = dict(samples_per_gpu=2, train=dict(num_images=4, img_scale=(64, 64)))
runner = dict(max_epochs=1)
log_config = dict(interval=1)
checkpoint_config = None
evaluation = dict(interval=5)
lr_config = dict(_delete_=True, policy='fixed')
optimizer_config = dict(_delete_=True)
`;

/** @returns the run's log; what it threw is its last line */
async function run(config: string, modules: Record<string, string>): Promise<string> {
  const fs = createMemoryFs({
    'workspace/configs/_base_/default_runtime.py': read('configs/_base_/default_runtime.py'),
    'workspace/configs/shapes/retinanet_tiny_shapes.py': read('configs/shapes/retinanet_tiny_shapes.py'),
    'workspace/configs/shapes/own.py': CONFIG + config,
    ...modules,
  });
  const lines: string[] = [];
  const takers = new Set<TakeStray>();
  const stray = (error: unknown): boolean => [...takers].some((take) => take(error));
  Object.assign(globalThis, { stray });
  try {
    await train({
      configPath: 'workspace/configs/shapes/own.py',
      fs,
      decodeImage: () => Promise.reject(new Error('no pictures here')),
      control: new RunControl(),
      onInvalidLoss: 'go-on',
      // Vitest takes unhandled rejections for itself: modules hand theirs over.
      watchStray: (take) => {
        takers.add(take);
        return () => void takers.delete(take);
      },
      onEvent: (event) => {
        if (event.name === 'run.logged') lines.push(event.line);
      },
    });
  } catch (error) {
    lines.push(formatReport(toErrorReport(error)));
  }
  expect(takers.size).toBe(0);
  return lines.join('\n');
}

function losses(log: string): number[] {
  return [...log.matchAll(/, loss: ([\d.]+)/g)].map((match) => Number(match[1]));
}

const imports = (...names: string[]): string =>
  `custom_imports = dict(imports=[${names.map((name) => `'mmdet.core.${name}'`).join(', ')}], allow_failed_imports=False)\n`;

describe('a run with own modules', () => {
  test('optimizer, optimizer constructor and hook of the templates; no tensor stays', async () => {
    const before = memory().numTensors;
    const log = await run(
      `${imports('optimizer.my_optimizer', 'optimizer.my_optimizer_constructor', 'utils.my_hook')}
optimizer = dict(_delete_=True, type='MyOptimizer', lr=0.01, momentum=0.9, constructor='MyOptimizerConstructor', paramwise_cfg=dict(head_lr_mult=2.0))
custom_hooks = [dict(type='MyHook', a=1, b=2, priority='NORMAL')]
`,
      {
        [`${FOLDER}/my_optimizer.ts`]: OPTIMIZER,
        [`${FOLDER}/my_optimizer_constructor.ts`]: template('my_optimizer_constructor'),
        'workspace/mmdet/core/utils/my_hook.ts': template('my_hook'),
      },
    );
    expect(log).toContain('MyHook: a=1, b=2, 1 epochs');
    expect(log).toContain('(NORMAL      ) MyHook');
    expect(log).toContain('MyHook: done after 2 iterations');
    const [first, second] = losses(log);
    expect(second).not.toBe(first);
    expect(memory().numTensors).toBe(before);
  });

  test("the template's formula is that of SGD: the same losses, step by step, also under schedules", async () => {
    const schedules = `data['train']['num_images'] = 12
lr_config = dict(_delete_=True, policy='poly', power=1, min_lr=0.001, by_epoch=False)
momentum_config = dict(policy='cyclic', target_ratio=(0.8, 1), cyclic_times=1, step_ratio_up=0.4, by_epoch=False)
`;
    const options = `lr=0.05, momentum=0.9, weight_decay=0.01)\n`;
    const own = await run(
      `${imports('optimizer.my_optimizer')}${schedules}optimizer = dict(_delete_=True, type='MyOptimizer', ${options}`,
      { [`${FOLDER}/my_optimizer.ts`]: OPTIMIZER },
    );
    const builtIn = await run(`${schedules}optimizer = dict(_delete_=True, type='SGD', ${options}`, {});
    expect(losses(builtIn)).toHaveLength(6);
    expect(losses(own)).toEqual(losses(builtIn));
  });

  test('a fused formula trains, found through the index.ts of the package', async () => {
    const log = await run(`optimizer = dict(_delete_=True, type='MyFusedOptimizer', lr=0.001)\n`, {
      [`${FOLDER}/index.ts`]: "import './my_fused_optimizer';\n",
      [`${FOLDER}/my_fused_optimizer.ts`]: template('my_fused_optimizer'),
    });
    const [first, second] = take(losses(log), 2);
    expect(second).toBeLessThan(first);
  });

  test("what Muon's hint proposes: an optimizer of one's own with newtonSchulz() trains convolutions", async () => {
    const before = memory().numTensors;
    const log = await run(
      `${imports('optimizer.m')}optimizer = dict(_delete_=True, type='ConvMuon', lr=0.001)\n`,
      {
        [`${FOLDER}/m.ts`]: `import { add, assign, mul, newtonSchulz, Optimizer, OPTIMIZERS, reshape, sub, type Parameter } from 'tabtrain';
@OPTIMIZERS.registerModule()
export class ConvMuon extends Optimizer {
  constructor({ params, lr, momentum = 0.9 }: { params: Parameter[]; lr: number; momentum?: number }) {
    super(params, { lr, momentum });
  }
  override step(): void {
    for (const { params, lr, momentum: share = 0 } of this.paramGroups)
      for (const param of params) {
        if (!param.grad) continue;
        const momentum = this.stateTensor(param, 'momentum_buffer');
        assign(momentum, add(mul(momentum, share), param.grad));
        const { shape } = param.variable;
        const columns = shape[shape.length - 1];
        const matrix = reshape(momentum, [param.size / columns, columns]);
        const update = shape.length < 2 ? momentum : reshape(newtonSchulz(matrix), shape);
        assign(param.variable, sub(param.variable, mul(update, lr)));
      }
  }
}
`,
      },
    );
    const [first, second] = take(losses(log), 2);
    expect(second).toBeLessThan(first);
    expect(memory().numTensors).toBe(before);
    const refused = await run("optimizer = dict(_delete_=True, type='Muon')\n", {});
    expect(refused).toMatch(/Muon takes weights with two axes, but 'backbone\..*newtonSchulz\(\)/s);
  });

  test("a throw in step() ends the run with the person's line, and frees everything", async () => {
    const before = memory().numTensors;
    const log = await run(
      `${imports('optimizer.my_optimizer')}optimizer = dict(_delete_=True, type='MyOptimizer', lr=0.01)\n`,
      {
        [`${FOLDER}/my_optimizer.ts`]: OPTIMIZER.replace(
          'if (!param.grad) continue;',
          "if (!param.grad) continue;\n        throw new TypeError('not like this');",
        ),
      },
    );
    expect(log).toMatch(
      /MyOptimizer\.step threw TypeError: not like this\n {2}at workspace\/mmdet\/core\/optimizer\/my_optimizer\.ts:30:15$/,
    );
    expect(memory().numTensors).toBe(before);
  });

  test('a throw in an asynchronous step() does as well, and so does a promise that nobody waits for', async () => {
    const own = (body: string): Promise<string> =>
      run(`${imports('optimizer.o')}optimizer = dict(_delete_=True, type='MyOptimizer', lr=0.01)\n`, {
        [`${FOLDER}/o.ts`]: `import { Optimizer, OPTIMIZERS, read, type Parameter } from 'tabtrain';
@OPTIMIZERS.registerModule()
export class MyOptimizer extends Optimizer {
  constructor({ params, lr }: { params: Parameter[]; lr: number }) { super(params, { lr }); }
  ${body}
  async look(): Promise<void> {
    const [{ params: [first] }] = this.paramGroups;
    await read(first.variable);
    throw new TypeError('not like this');
  }
}
`,
      });
    const before = memory().numTensors;
    expect(await own('override async step(): Promise<void> { await this.look(); }')).toMatch(
      /MyOptimizer\.look threw TypeError: not like this\n {2}at workspace\/.*o\.ts:9:11$/,
    );
    const log = await own('override step(): void { this.look().catch(Reflect.get(globalThis, "stray")); }');
    expect(log).toMatch(
      /nobody waited for what failed: .*not like this\n {2}at workspace\/.*o\.ts:9:11\n {2}hint: await the promise/,
    );
    expect(memory().numTensors).toBe(before);
  });

  test('a formula that is no WGSL is told at its line, before any step', async () => {
    const log = await run(
      `${imports('optimizer.f')}optimizer = dict(_delete_=True, type='MyFusedOptimizer', lr=0.001)\n`,
      {
        [`${FOLDER}/f.ts`]: template('my_fused_optimizer').replace(
          'p = p - u.lr * (direction',
          'p = p - u.rate * (direction',
        ),
      },
    );
    expect(log).toMatch(
      /the formula of myFusedOptimizer does not compile: .*rate.*\n {2}at optimizer \(workspace\/mmdet\/core\/optimizer\/f\.ts:51:\d+\)\n {2}hint: /,
    );
  });

  test('a transform of theirs runs where the samples are made, and its throw is told there', async () => {
    const transform = `import { PIPELINES, type Results, type Transform } from 'mmdet/datasets';
@PIPELINES.registerModule()
export class Counting implements Transform {
  count = 0;
  constructor(readonly args: { most: number }) {}
  async call(results: Results): Promise<Results> {
    this.count += 1;
    if (this.count > this.args.most) throw new Error(\`more than \${this.args.most}\`);
    return results;
  }
}
`;
    const config = (most: number): string => `custom_imports = dict(imports='mine.counting')
data['train']['pipeline'] = [
    dict(type='LoadImageFromFile'), dict(type='LoadAnnotations', with_bbox=True),
    dict(type='Resize', img_scale=(64, 64), keep_ratio=True), dict(type='RandomFlip', flip_ratio=0.5),
    dict(type='Normalize', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]), dict(type='Pad', size_divisor=32),
    dict(type='Counting', most=${most}),
    dict(type='DefaultFormatBundle'), dict(type='Collect', keys=['img', 'gt_bboxes', 'gt_labels'])]
`;
    const files = { 'workspace/mine/counting.ts': transform };
    expect(losses(await run(config(100), files))).toHaveLength(2);
    expect(await run(config(1), files)).toMatch(
      /Counting\.call threw Error: more than 1\n {2}at workspace\/mine\/counting\.ts:8:44$/,
    );
    // Beside the samples, in modules that were imported for them.
    const left = await run(config(1), {
      'workspace/mine/counting.ts': transform.replace(
        /throw (new Error\(.*?\));/,
        'Reflect.get(globalThis, "stray")($1);',
      ),
    });
    expect(left).toMatch(
      /nobody waited for what failed: Counting\.call threw Error: more than 1\n {2}at workspace\/mine\/counting\.ts:8:\d+\n/,
    );
  });

  test('a dataset of theirs evaluates itself, with what `evaluation` hands it', async () => {
    const dataset = `import { DATASETS, ShapesDataset, type BboxResult, type EvaluateOptions, type Metrics } from 'mmdet/datasets';
@DATASETS.registerModule()
export class MyShapes extends ShapesDataset {
  override async evaluate(results: readonly BboxResult[], { scoreThr, ...options }: EvaluateOptions): Promise<Metrics> {
    options.logger?.info(\`my threshold is \${scoreThr} in \${results.length} pictures\`);
    return { my_acc: 0.25, ...(await super.evaluate(results, options)) };
  }
}
`;
    const files = { 'workspace/mine/dataset.ts': dataset };
    const config = (evaluation: string): string => `custom_imports = dict(imports='mine.dataset')
data['val'] = dict(type='MyShapes', num_images=3, img_scale=(64, 64))
model = dict(test_cfg=dict(score_thr=0.0))
evaluation = dict(_delete_=True, ${evaluation})
`;
    const log = await run(config("interval=1, score_thr=0.3, save_best='my_acc', classwise=True"), files);
    expect(log).toContain('my threshold is 0.3 in 3 pictures');
    expect(log).toMatch(/Epoch\(val\) \[1\]\[3\]\s+my_acc: 0\.2500, bbox_mAP: /);
    expect(log).toContain('Best my_acc is 0.2500 at 1 epoch');
    const bad = await run(config('interval=1'), {
      'workspace/mine/dataset.ts': dataset.replace(/return \{.*\};/, 'return 0.5 as never;'),
    });
    expect(bad).toContain('MyShapes.evaluate must return an object of numbers and texts, but returned 0.5');
  });

  test('without `evaluation` there is one after each epoch', async () => {
    const log = await run('evaluation = None\n', {});
    expect(log).not.toContain('Epoch(val)');
    const base = 'configs/shapes/retinanet_tiny_shapes.py';
    const text = read(base);
    const without = text.replace(/^evaluation = .*$/m, '');
    expect(without).not.toBe(text);
    const tiny = "data['val'] = dict(num_images=2)\ndel evaluation\n";
    expect(await run(tiny, { [`workspace/${base}`]: without })).toMatch(/Epoch\(val\) \[1\]\[2\]/);
  });

  test('a head whose loss takes a number of the batch: by stepInput it stays compiled, with the same losses', async () => {
    const head = (
      count: string,
    ): string => `import { MODELS, RetinaHead, add, mul, onStep, scalar, stepInput } from 'tabtrain';
import type { AnchorOutputs, Losses, Tensor, TrainBatch } from 'tabtrain';

const boxes = (batch: Omit<TrainBatch, 'img'>): number => batch.gtBboxes.reduce((n, b) => n + b.length / 4, 0);

let steps = 0;

@MODELS.registerModule()
export class CountingHead extends RetinaHead {
  override loss(outputs: AnchorOutputs, batch: Omit<TrainBatch, 'img'>): Losses {
    onStep(() => console.log(\`step \${(steps += 1)}\`));
    const count: Tensor = ${count};
    return new Map([...super.loss(outputs, batch), ['loss_count', mul(add(count, 1), 0.25)]]);
  }
}
`;
    const log = async (count: string): Promise<string> =>
      run(
        `custom_imports = dict(imports='mine.head')\nmodel = dict(bbox_head=dict(type='CountingHead'))\ndata['train']['num_images'] = 8\n`,
        { 'workspace/mine/head.ts': head(count) },
      );
    const steps = vi.spyOn(console, 'log').mockImplementation(() => undefined);
    const right = await log('stepInput(batch, (b) => Float32Array.of(boxes(b)), [])');
    expect(steps.mock.calls).toEqual([['step 1'], ['step 2'], ['step 3'], ['step 4']]);
    expect(right).not.toContain("can't be compiled");
    const wrong = await log('scalar(boxes(batch))');
    expect(wrong).toContain("the train step can't be compiled because of");
    expect(losses(wrong)).toEqual(losses(right));
    expect(losses(right)).toHaveLength(4);
    steps.mockRestore();
  });

  test('a constructor without call, or that returns no optimizer, is told at its name in the config', async () => {
    const own = template('my_optimizer_constructor');
    const cfg = `${imports('optimizer.c')}optimizer = dict(constructor='MyOptimizerConstructor')\n`;
    const noCall = await run(cfg, { [`${FOLDER}/c.ts`]: own.replace('call(model', 'build(model') });
    expect(noCall).toContain('MyOptimizerConstructor must have a method call, but has none');
    const nothing = await run(cfg, {
      [`${FOLDER}/c.ts`]: own.replace('return optimizer;', ''),
    });
    expect(nothing).toMatch(/MyOptimizerConstructor\.call must return an Optimizer, but got .*\n.*own\.py:/);
  });
});
