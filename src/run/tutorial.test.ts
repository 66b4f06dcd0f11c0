// Every code block of MMDetection's "Customize Runtime Settings": config lines as they stand there, put at the end of a
// complete config (or into one that inherits it, where they say `_delete_`); Python classes as their TypeScript twins.
// FEATURES.md lists them with these tests' names.

import { beforeAll, describe, expect, test } from 'vitest';
import { testAdapter } from '../gpu/testing/adapter.ts';
import { Conv2d, Module } from '../nn/index.ts';
import { DefaultOptimizerConstructor } from '../optim/index.ts';
import { BuildContext } from '../registry/buildContext.ts';
import { createRunRegistries } from '../registry/registries.ts';
import { readCheckpoint } from '../runner/checkpoint.ts';
import { planLrs, planMomenta, type GroupStart } from '../schedules/index.ts';
import { createMemoryFs } from '../storage/memoryFs.ts';
import { planRun } from '../plan/plan.ts';
import { readRunConfig } from '../plan/runConfig.ts';
import { shortRun, workspaceWith, type ShortRun } from './testing/shortRun.ts';
import * as modules from './testing/tutorialModules.ts';
import { at, take } from '../util/at.ts';

await testAdapter();

/** Two iterations, on a software adapter that other tests use too. */
const RUN_TIMEOUT_MS = 120_000;

const OPTIMIZER_PY = { 'mmdet/core/optimizer/my_optimizer.ts': modules.MY_OPTIMIZER };
const HOOK_PY = { 'mmdet/core/utils/my_hook.ts': modules.MY_HOOK };

/** A complete config in one file, without any `_base_`: one epoch of two iterations. */
let complete = '';
beforeAll(async () => {
  const { config } = await readRunConfig(workspaceWith({}), 'workspace/configs/learn/short_run.py', {
    'runner.max_epochs': 1,
    'checkpoint_config.interval': 1,
    'lr_config.warmup': null,
  });
  complete = config.prettyText();
});

/** Train the complete config with lines at its end. */
function pasted(lines: string, files: Readonly<Record<string, string>> = {}): Promise<ShortRun> {
  return shortRun('configs/mine.py', { ...files, 'configs/mine.py': `${complete}\n${lines}\n` });
}

/** Train a config of these lines that inherits the complete one. */
function inherited(lines: string): Promise<ShortRun> {
  const mine = `_base_ = './complete.py'\n${lines}\n`;
  return shortRun('configs/mine.py', { 'configs/complete.py': complete, 'configs/mine.py': mine });
}

interface SavedOptimizer {
  readonly state: Map<number, Map<string, unknown>>;
  readonly param_groups: readonly Map<string, unknown>[];
}

/** What the checkpoint of the epoch holds of the optimizer: its first group, and the names of its state. */
async function savedOptimizer({ fs, workDir }: ShortRun) {
  const { optimizer } = await readCheckpoint(fs, `${workDir}/epoch_1.pth`);
  const saved = Object.fromEntries(optimizer as Map<string, unknown>) as unknown as SavedOptimizer;
  const [first] = take([...saved.state.values()], 1);
  return { group: Object.fromEntries(at(saved.param_groups, 0)), state: [...first.keys()] };
}

describe('optimizers', () => {
  test(
    'Adam by its type',
    async () => {
      const run = await pasted("optimizer = dict(type='Adam', lr=0.0003, weight_decay=0.0001)");
      const { group, state } = await savedOptimizer(run);
      expect(group).toMatchObject({ initial_lr: 0.0003, weight_decay: 0.0001 });
      expect(state).toEqual(expect.arrayContaining(['step', 'exp_avg', 'exp_avg_sq']));
    },
    RUN_TIMEOUT_MS,
  );

  test(
    'SGD by its type',
    async () => {
      const line = "optimizer = dict(type='SGD', lr=0.02, momentum=0.9, weight_decay=0.0001)";
      const { group, state } = await savedOptimizer(await pasted(line));
      expect(group).toMatchObject({ initial_lr: 0.02, momentum: 0.9, weight_decay: 0.0001 });
      expect(state).toEqual(['momentum_buffer']);
    },
    RUN_TIMEOUT_MS,
  );

  const USE = `a_value, b_value, c_value = 0.01, 0.9, 0.0001
optimizer = dict(type='MyOptimizer', a=a_value, b=b_value, c=c_value)`;

  test(
    'MyOptimizer, found through custom_imports',
    async () => {
      const imports =
        "custom_imports = dict(imports=['mmdet.core.optimizer.my_optimizer'], allow_failed_imports=False)";
      const run = await pasted(`${imports}\n${USE}`, OPTIMIZER_PY);
      const { group, state } = await savedOptimizer(run);
      expect(group).toMatchObject({ initial_lr: 0.01, momentum: 0.9, weight_decay: 0.0001 });
      expect(state).toEqual(['last_grad']);
    },
    RUN_TIMEOUT_MS,
  );

  test(
    "MyOptimizer, found through the folder's index.ts",
    async () => {
      const files = { ...OPTIMIZER_PY, 'mmdet/core/optimizer/index.ts': modules.OPTIMIZER_INDEX };
      const { state } = await savedOptimizer(await pasted(USE, files));
      expect(state).toEqual(['last_grad']);
    },
    RUN_TIMEOUT_MS,
  );

  test('naming the class instead of the module is refused, as the tutorial says', async () => {
    const imports = "custom_imports = dict(imports=['mmdet.core.optimizer.my_optimizer.MyOptimizer'])";
    await expect(pasted(`${imports}\n${USE}`, OPTIMIZER_PY)).rejects.toMatchObject({ code: 'import-failed' });
  });

  test(
    'MyOptimizerConstructor',
    async () => {
      const lines = `custom_imports = dict(imports=['mmdet.core.optimizer.my_constructor'])
${USE.replace("type='MyOptimizer'", "constructor='MyOptimizerConstructor', type='MyOptimizer'")}`;
      const files = {
        ...OPTIMIZER_PY,
        'mmdet/core/optimizer/my_constructor.ts': modules.MY_OPTIMIZER_CONSTRUCTOR,
      };
      const run = await pasted(lines, files);
      expect((await savedOptimizer(run)).state).toEqual(['last_grad']);
      expect(run.log).toContain('INFO - MyOptimizerConstructor: MyOptimizer');
    },
    RUN_TIMEOUT_MS,
  );

  describe('DefaultOptimizerConstructor', () => {
    const context = new BuildContext(createRunRegistries(), {
      fs: createMemoryFs({}),
      decodeImage: () => Promise.reject(new Error('no pictures here')),
      seed: 0,
      warn: () => undefined,
    });
    const conv = (): Conv2d => new Conv2d({ inChannels: 1, outChannels: 1, kernelSize: 1 });

    test('its first example: norm_decay_mult leaves a convolution alone', () => {
      const optimizerCfg = { type: 'SGD', lr: 0.01, momentum: 0.9, weight_decay: 0.0001 };
      const builder = new DefaultOptimizerConstructor(
        { optimizerCfg, paramwiseCfg: { norm_decay_mult: 0 } },
        context,
      );
      for (const group of builder.call(conv()).paramGroups)
        expect(group).toMatchObject({ lr: 0.01, momentum: 0.9, weight_decay: 0.0001 });
    });

    test('its second example: custom_keys multiply the rates of the backbone only', () => {
      class Net extends Module {
        override readonly className = 'Net';
        readonly backbone = this.addModule('backbone', new Wrapped());
        readonly clsHead = this.addModule('cls_head', new Wrapped());
      }
      class Wrapped extends Module {
        override readonly className = 'Wrapped';
        readonly conv = this.addModule('conv', conv());
      }
      class Model extends Module {
        override readonly className = 'Model';
        readonly net = this.addModule('net', new Net());
      }
      const optimizerCfg = { type: 'SGD', lr: 0.01, weight_decay: 0.95 };
      const paramwiseCfg = { custom_keys: { '.backbone': { lr_mult: 0.1, decay_mult: 0.9 } } };
      const builder = new DefaultOptimizerConstructor({ optimizerCfg, paramwiseCfg }, context);
      const rates = builder
        .call(new Model())
        .paramGroups.map((g) => [at(g.params, 0).name, g.lr, g.weight_decay]);
      expect(rates).toEqual([
        ['net.backbone.conv.weight', 0.01 * 0.1, 0.95 * 0.9],
        ['net.backbone.conv.bias', 0.01 * 0.1, 0.95 * 0.9],
        ['net.cls_head.conv.weight', 0.01, 0.95],
        ['net.cls_head.conv.bias', 0.01, 0.95],
      ]);
    });
  });

  describe("the tutorial's listing of DefaultOptimizerConstructor", () => {
    const groupsOf = async (paramwise: string, files: Readonly<Record<string, string>>): Promise<unknown> => {
      const text = `${complete}
custom_imports = dict(imports=[${Object.keys(files).length > 0 ? "'mmdet.core.optimizer.default_constructor'" : ''}])
optimizer = dict(type='SGD', lr=0.02, weight_decay=0.01, paramwise_cfg=${paramwise})`;
      const fs = workspaceWith({ ...files, 'configs/mine.py': text });
      const decodeImage = () => Promise.reject(new Error('no pictures here'));
      const plan = await planRun({ fs, decodeImage, configPath: 'workspace/configs/mine.py' });
      const rates = plan.groups.map(({ lr, weightDecay }) => [lr, weightDecay]);
      return { rates, places: plan.parameters.map(({ name, group }) => [name, group]) };
    };

    test.each([
      'None',
      'dict(norm_decay_mult=0.0, bias_lr_mult=2.0, bias_decay_mult=0.5, dwconv_decay_mult=0.1, bypass_duplicate=True)',
      "dict(custom_keys={'backbone': dict(lr_mult=0.1), 'backbone.layer2': dict(decay_mult=0.5), 'bn': dict(), 'neck': dict(lr_mult=3)})",
    ])('makes the groups of ours: %s', async (paramwise) => {
      const twin = {
        'mmdet/core/optimizer/default_constructor.ts': modules.DEFAULT_OPTIMIZER_CONSTRUCTOR,
      };
      const ours = await groupsOf(paramwise, {});
      expect(await groupsOf(paramwise, twin)).toEqual(ours);
    });
  });

  test(
    'gradient clipping with _delete_',
    async () => {
      const { log } = await inherited(`optimizer_config = dict(
    _delete_=True, grad_clip=dict(max_norm=35, norm_type=2))`);
      expect(log).toMatch(/Epoch \[1\]\[2\/2\].*grad_norm: \d/);
    },
    RUN_TIMEOUT_MS,
  );
});

describe('schedules', () => {
  const CYCLIC = `lr_config = dict(
    policy='cyclic',
    target_ratio=(10, 1e-4),
    cyclic_times=1,
    step_ratio_up=0.4,
)
momentum_config = dict(
    policy='cyclic',
    target_ratio=(0.85 / 0.95, 1),
    cyclic_times=1,
    step_ratio_up=0.4,
)`;
  const POLY = "lr_config = dict(policy='poly', power=0.9, min_lr=1e-4, by_epoch=False)";
  const COSINE = `lr_config = dict(
    policy='CosineAnnealing',
    warmup='linear',
    warmup_iters=1000,
    warmup_ratio=1.0 / 10,
    min_lr_ratio=1e-5)`;

  test.each([
    ['cyclic learning rate and momentum', CYCLIC],
    ['poly', POLY],
    ['CosineAnnealing with warm-up', COSINE],
  ])(
    '%s: the run trains with the numbers of the planned curve',
    async (_, lines) => {
      const probe = "custom_imports = dict(imports=['probe'])\ncustom_hooks = [dict(type='Probe')]";
      const run = await pasted(`${lines}\nrunner = dict(type='EpochBasedRunner', max_epochs=3)\n${probe}`, {
        'probe.ts': modules.PROBE,
      });
      const seen = [...run.log.matchAll(/Probe (\{.*\})/g)].map(
        ([, json = '']) => JSON.parse(json) as { iter: number; lr: number[]; momentum: number[] },
      );
      expect(seen.map(({ iter }) => iter)).toEqual([0, 1, 2, 3, 4, 5]);
      const { dict } = await readRunConfig(run.fs, 'workspace/configs/mine.py');
      const groups: GroupStart[] = [{ lr: 0.02, momentum: 0.9 }];
      const length = { maxEpochs: 3, maxIters: 6, itersPerEpoch: 2, runnerType: 'epoch' } as const;
      const input = { groups, optimizer: 'SGD', run: length };
      const lrs = planLrs(dict.lr_config as Record<string, unknown>, input);
      const momenta = planMomenta(
        (dict.momentum_config as Record<string, unknown> | undefined) ?? null,
        input,
      );
      for (const { iter, lr, momentum } of seen) {
        expect(lr).toEqual(lrs(iter));
        expect(momentum).toEqual(momenta?.(iter));
      }
      expect(new Set(seen.map(({ lr }) => lr[0])).size).toBeGreaterThan(2);
    },
    RUN_TIMEOUT_MS,
  );
});

describe('workflow', () => {
  test(
    "[('train', 1)]",
    async () => {
      const { log } = await pasted("workflow = [('train', 1)]");
      expect(log).toContain("workflow: [('train', 1)], max: 1 epochs");
      expect(log).not.toContain('Epoch(val)');
    },
    RUN_TIMEOUT_MS,
  );

  test(
    "[('train', 1), ('val', 1)]: validation has losses, changes no parameter, and does not count as an epoch",
    async () => {
      const both = await pasted("workflow = [('train', 1), ('val', 1)]");
      expect(both.log).toMatch(/Epoch\(val\) \[1\]\[1\].*loss_cls: /);
      const alone = await pasted("workflow = [('train', 1)]");
      const crc = ({ log }: ShortRun): string | undefined => /state_dict CRC-32 (\w+)/.exec(log)?.[1];
      expect(crc(both)).toMatch(/^\w{8}$/);
      expect(crc(both)).toBe(crc(alone));
    },
    RUN_TIMEOUT_MS,
  );
});

describe('hooks', () => {
  const VALUES = "a_value, b_value = 1, 'x'";
  const IMPORT = "custom_imports = dict(imports=['mmdet.core.utils.my_hook'], allow_failed_imports=False)";
  const USE = `custom_hooks = [
    dict(type='MyHook', a=a_value, b=b_value)
]`;
  /** One epoch of two iterations. */
  const STAGES = [
    'before_run',
    'before_epoch',
    'before_iter',
    'after_iter',
    'before_iter',
    'after_iter',
    'after_epoch',
    'after_run',
  ];
  const stagesOf = ({ log }: ShortRun): string[] =>
    [...log.matchAll(/MyHook 1 x: (\w+)/g)].map(([, s = '']) => s);

  test(
    'MyHook, found through custom_imports: every stage in its turn',
    async () => {
      expect(stagesOf(await pasted(`${IMPORT}\n${VALUES}\n${USE}`, HOOK_PY))).toEqual(STAGES);
    },
    RUN_TIMEOUT_MS,
  );

  test(
    "MyHook, found through the folder's index.ts",
    async () => {
      const files = { ...HOOK_PY, 'mmdet/core/utils/index.ts': modules.HOOK_INDEX };
      expect(stagesOf(await pasted(`${VALUES}\n${USE}`, files))).toEqual(STAGES);
    },
    RUN_TIMEOUT_MS,
  );

  test.each(['NORMAL', 'HIGHEST'])(
    'MyHook with priority %s',
    async (priority) => {
      const use = `custom_hooks = [
    dict(type='MyHook', a=a_value, b=b_value, priority='${priority}')
]`;
      const run = await pasted(`${IMPORT}\n${VALUES}\n${use}`, HOOK_PY);
      expect(stagesOf(run)).toEqual(STAGES);
      expect(run.log).toMatch(new RegExp(`\\(${priority}\\s*\\) MyHook`));
    },
    RUN_TIMEOUT_MS,
  );

  test(
    'NumClassCheckHook: passes, and refuses a head with other classes',
    async () => {
      const line = "custom_hooks = [dict(type='NumClassCheckHook')]";
      expect((await pasted(line)).log).toMatch(/\(NORMAL\s*\) NumClassCheckHook/);
      await expect(pasted(`${line}\nmodel['bbox_head']['num_classes'] = 4`)).rejects.toThrow(/num_classes/);
    },
    RUN_TIMEOUT_MS,
  );

  test(
    "hook_priorities = 'tutorial': loggers VERY_LOW, the other default hooks NORMAL",
    async () => {
      const { log } = await pasted("hook_priorities = 'tutorial'");
      for (const hook of ['StepLrUpdaterHook', 'OptimizerHook', 'CheckpointHook', 'EvalHook'])
        expect(log).toMatch(new RegExp(`\\(NORMAL\\s*\\) ${hook}`));
      expect(log).toMatch(/\(VERY_LOW\s*\) TextLoggerHook/);
    },
    RUN_TIMEOUT_MS,
  );
});

describe('default runtime hooks', () => {
  test(
    'checkpoint_config',
    async () => {
      const { fs, workDir } = await pasted('checkpoint_config = dict(interval=1)');
      expect(await fs.stat(`${workDir}/epoch_1.pth`)).not.toBeNull();
    },
    RUN_TIMEOUT_MS,
  );

  test(
    'log_config with text and TensorBoard',
    async () => {
      const { fs, workDir, log } = await pasted(`log_config = dict(
    interval=50,
    hooks=[
        dict(type='TextLoggerHook'),
        dict(type='TensorboardLoggerHook')
    ])`);
      expect(log).toMatch(/\(VERY_LOW\s*\) TensorboardLoggerHook/);
      const events = await fs.list(`${workDir}/tf_logs`);
      expect(events.map(({ name }) => name)).toEqual([expect.stringMatching(/^events\.out\.tfevents\./)]);
    },
    RUN_TIMEOUT_MS,
  );

  test(
    'evaluation',
    async () => {
      const lines = "evaluation = dict(interval=1, metric='bbox')\nmodel['test_cfg']['score_thr'] = 0.0";
      expect((await pasted(lines)).log).toMatch(/Epoch\(val\) \[1\].*bbox_mAP: [\d.-]+, bbox_mAP_50: /);
    },
    RUN_TIMEOUT_MS,
  );
});
