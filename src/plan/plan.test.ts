// What the page tells of a config before training: built as a run builds it, without a GPU.

import { describe, expect, test } from 'vitest';
import type { Plan } from '../contracts/plan.ts';
import { planText as describeConfig, shipped } from './testing/planText.ts';
import { at as itemAt } from '../util/at.ts';

function find(plan: Plan, name: string) {
  const parameter = plan.parameters.find((p) => p.name === name);
  return { ...parameter, ...plan.groups[parameter?.group ?? -1] };
}

describe('planRun', () => {
  test('the shipped config: every parameter once, rates after the rules, 40 iterations an epoch', async () => {
    const plan = await describeConfig('');
    expect(plan).toMatchObject({ optimizer: 'AdamW', itersPerEpoch: 40, itersProblem: null, problems: [] });
    expect(new Set(plan.parameters.map(({ name }) => name)).size).toBe(plan.parameters.length);
    expect(find(plan, 'backbone.bn1.weight')).toMatchObject({
      shape: [16],
      count: 16,
      frozenBy: null,
      rule: 'norm_decay_mult=0',
      rules: ['norm_decay_mult=0'],
      lr: 0.003,
      weightDecay: 0,
      betas: [0.9, 0.999],
      momentum: null,
    });
    expect(find(plan, 'bbox_head.retina_cls.bias')).toMatchObject({ rule: 'default', weightDecay: 0.05 });
  });

  test('custom_keys and frozen_stages: who decides, what is frozen, a key that matches nothing', async () => {
    const plan = await describeConfig(`
model = dict(backbone=dict(frozen_stages=1, init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet18')))
optimizer = dict(_delete_=True, type='SGD', lr=0.02, momentum=0.9, weight_decay=0.0001,
    paramwise_cfg=dict(custom_keys={'backbone': dict(lr_mult=0.1), 'bone.layr': dict(lr_mult=2)}))
`);
    expect(find(plan, 'backbone.layer2.0.conv1.weight')).toMatchObject({
      rule: "custom_keys['backbone']: lr_mult=0.1",
      lr: 0.02 * 0.1,
      momentum: 0.9,
    });
    for (const name of ['backbone.conv1.weight', 'backbone.bn1.bias', 'backbone.layer1.1.conv2.weight'])
      expect(find(plan, name)).toMatchObject({ frozenBy: 'frozen_stages=1', tensorCount: 0, rules: [] });
    expect(find(plan, 'backbone.layer2.0.conv1.weight').frozenBy).toBeNull();
    expect(plan.problems.map(({ message }) => message)).toEqual([expect.stringContaining("'bone.layr'")]);
    const frozenNorm = await describeConfig(
      "model = dict(backbone=dict(norm_cfg=dict(type='BN', requires_grad=False)))",
    );
    expect(find(frozenNorm, 'backbone.bn1.weight').frozenBy).toBe('requires_grad=False');
  });

  test('what looks misspelt in the config is among the warnings, as in the log of a run', async () => {
    const plan = await describeConfig(
      "optimizer = dict(paramwise_cfg=dict(custom_keys={'backbone': dict(lr_mul=0.1)}))",
    );
    expect(plan.problems.map(({ message }) => message)).toEqual([
      'nothing reads optimizer.paramwise_cfg.custom_keys.backbone.lr_mul',
    ]);
  });

  test('without paramwise_cfg there is one group', async () => {
    const plan = await describeConfig("optimizer = dict(_delete_=True, type='Adam', lr=0.0003)");
    expect(plan.groups).toHaveLength(1);
    expect(plan.groups[0]).toMatchObject({ tensorCount: plan.parameters.length, rules: ['default'] });
    expect(itemAt(plan.groups, 0).valueCount).toBe(
      plan.parameters.reduce((sum, { count }) => sum + count, 0),
    );
  });

  test("a constructor of the person's own is named as the rule", async () => {
    const plan = await describeConfig(
      `custom_imports = dict(imports=['mine'])
optimizer = dict(_delete_=True, type='SGD', lr=0.1, constructor='Mine')`,
      {
        'workspace/mine.ts': `import { buildFromCfg, OPTIMIZER_BUILDERS, OPTIMIZERS, type Module } from 'tabtrain';
@OPTIMIZER_BUILDERS.registerModule()
export class Mine {
  constructor(readonly args: { optimizerCfg: Record<string, unknown> }) {}
  call(model: Module) {
    const heads = model.parameters().filter((p) => p.name.startsWith('bbox_head'));
    return buildFromCfg(this.args.optimizerCfg, OPTIMIZERS, { params: [{ params: heads, lr: 0.5 }] });
  }
}
`,
      },
    );
    expect(find(plan, 'bbox_head.retina_cls.weight')).toMatchObject({ rule: 'Mine', lr: 0.5 });
    expect(find(plan, 'backbone.conv1.weight')).toMatchObject({ group: null });
  });

  test("the template's and Learn's constructor multiply an lr that the config leaves to the optimizer", async () => {
    const withConstructor = (path: string, paramwise: string): Promise<Plan> =>
      describeConfig(
        `custom_imports = dict(imports=['mine'])
optimizer = dict(_delete_=True, type='Adam', constructor='MyOptimizerConstructor'${paramwise})`,
        { 'workspace/mine.ts': shipped(path) },
      );
    const template = 'src/ui/editor/templates/my_optimizer_constructor.ts';
    const plan = await withConstructor(template, ', paramwise_cfg=dict(head_lr_mult=10.0)');
    expect(find(plan, 'bbox_head.retina_cls.weight').lr).toBe(0.001 * 10);
    expect(find(plan, 'backbone.conv1.weight').lr).toBe(0.001);
    const learnt = await withConstructor('src/ui/learn/modules/my_optimizer_constructor.ts', '');
    expect(find(learnt, 'bbox_head.retina_cls.weight')).toMatchObject({ lr: 0.001 * 2, weightDecay: 0 });
    const broken = await withConstructor(template, ", paramwise_cfg=dict(head_lr_mult='x')");
    expect(broken.optimizer).toBeNull();
    expect(broken.problems[0]).toMatchObject({
      severity: 'error',
      message: 'lr of a parameter group must be a number, but is nan',
      path: 'optimizer.constructor',
      span: { file: 'workspace/configs/shapes/mine.py', line: 3 },
    });
  });

  test('auto_scale_lr is heard; data that is not there keeps nothing else from being told', async () => {
    const plan = await describeConfig(`
auto_scale_lr = dict(enable=True, base_batch_size=16)
data = dict(train=dict(_delete_=True, type='CocoDataset', ann_file='data/none.json', pipeline=[]))`);
    expect(itemAt(plan.groups, 0).lr).toBe((8 / 16) * 0.003);
    expect(plan.itersPerEpoch).toBeNull();
    expect(plan.itersProblem).toContain('data/none.json');
  });

  test('an annotation file that is not there is told at ann_file, with the one that was most likely meant', async () => {
    const text = `
data = dict(train=dict(_delete_=True, type='CocoDataset',
    ann_file='data/mine/trian.json', pipeline=[]))`;
    const { problems } = await describeConfig(text, { 'data/mine/train.json': '{}' });
    expect(problems).toMatchObject([
      {
        code: 'annotation-file-not-found',
        path: 'data.train.ann_file',
        span: { file: 'workspace/configs/shapes/mine.py', line: 4 },
        hint: "did you mean 'data/mine/train.json'?",
      },
    ]);
  });

  test('what a run would refuse is a problem at its place', async () => {
    const plan = await describeConfig("optimizer = dict(_delete_=True, type='SGDD', lr=0.1)");
    expect(plan).toMatchObject({ model: 'RetinaNet', optimizer: null, groups: [], length: null });
    expect(plan.problems).toEqual([
      expect.objectContaining({
        code: 'unknown-type',
        path: 'optimizer.type',
        span: expect.objectContaining({ file: 'workspace/configs/shapes/mine.py', line: 2 }),
      }),
    ]);
  });

  test('everything that is wrong is told at once, and what can be built is there all the same', async () => {
    const plan = await describeConfig(`
model = dict(backbone=dict(dept=18), bbox_head=dict(stacked_convs='two'))
data = dict(train=dict(num_pictures=-1))
log_config = dict(hooks=[dict(type='TextLogerHook')])
custom_hooks = [dict(type='EMAHook', momentm=0.1)]
`);
    const told = plan.problems.filter(({ severity }) => severity === 'error');
    expect(told.map(({ path, span }) => [path, span?.line])).toEqual(
      expect.arrayContaining([
        ['model.backbone.dept', 3],
        ['log_config.hooks[0].type', 5],
        ['custom_hooks[0].momentm', 6],
      ]),
    );
    expect(plan.config).toContain('TextLogerHook');
  });

  test("a hook's method in Python's spelling, or with a slip, is told with the stage that it means", async () => {
    const plan = await describeConfig(
      "custom_imports = dict(imports=['mine'])\ncustom_hooks = [dict(type='Mine')]\n",
      {
        'workspace/mine.ts': `import { Hook, HOOKS } from 'tabtrain';
@HOOKS.registerModule()
export class Mine extends Hook {
  after_train_iter() {}
  afterTrainEpoc() {}
  override beforeRun() {}
  helper() {}
}
`,
      },
    );
    const uncalled = plan.problems.filter(({ code }) => code === 'uncalled-method');
    expect(uncalled.map(({ message, hint, span }) => [message, hint, span?.file, span?.line])).toEqual([
      ['nothing calls Mine.after_train_iter', "did you mean 'afterTrainIter'?", 'workspace/mine.ts', 3],
      ['nothing calls Mine.afterTrainEpoc', "did you mean 'afterTrainEpoch'?", 'workspace/mine.ts', 3],
    ]);
  });

  test('the length, the hooks in their order, when it saves and evaluates, what it holds', async () => {
    const plan = await describeConfig(
      'checkpoint_config = dict(interval=4)\nevaluation = dict(interval=3, start=2)\nrunner = dict(max_epochs=10)',
    );
    expect(plan).toMatchObject({
      name: 'mine',
      batchSize: 8,
      length: { maxEpochs: 10, maxIters: 400, itersPerEpoch: 40 },
      checkpoints: { unit: 'epoch', at: [4, 8, 10], count: 3 },
      evaluations: { unit: 'epoch', at: [2, 5, 8], count: 3 },
      workflow: [['train', 1]],
      problems: [],
    });
    expect(plan.datasets.map(({ split, pictures, boxes }) => [split, pictures, boxes > pictures])).toEqual([
      ['train', 320, true],
      ['val', 48, true],
    ]);
    const names = plan.hooks.map(({ name }) => name);
    expect(names.indexOf('OptimizerHook')).toBeLessThan(names.indexOf('CheckpointHook'));
    const values = plan.parameters.reduce((sum, { count }) => sum + count, 0);
    expect(plan.memory).toMatchObject({ parameters: 4 * values, optimizerState: 8 * values });
    // It crosses between workers as it is.
    expect(structuredClone(plan)).toEqual(plan);
  });
});
