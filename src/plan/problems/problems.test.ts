import { expect, test } from 'vitest';
import { loadConfigText, compatCfg, replaceCfgVals } from '../../config/index.ts';
import { findConfigProblems, type KnownRun } from './index.ts';

const BASE = `\
model = dict(type='RetinaNet', train_cfg=dict(), test_cfg=dict())
data = dict(samples_per_gpu=2, workers_per_gpu=2, train=dict(type='CocoDataset'), val=dict(), test=dict())
optimizer = dict(type='SGD', lr=0.1, momentum=0.9)
lr_config = dict(policy='step', step=[8, 11], warmup='linear', warmup_iters=50)
runner = dict(type='EpochBasedRunner', max_epochs=12)
evaluation = dict(interval=1)
checkpoint_config = dict(interval=1)
log_config = dict(interval=5, hooks=[dict(type='TextLoggerHook')])
`;

/** Each problem as `severity code text-at-its-place: message | hint`. */
async function problemsOf(change: string, known: KnownRun = { itersPerEpoch: 20 }): Promise<string[]> {
  const text = BASE + change;
  const { config, diagnostics } = await loadConfigText(text, '.py');
  if (!config) throw new Error(diagnostics.map((d) => d.message).join());
  const { dict } = compatCfg(replaceCfgVals(config.dict));
  return findConfigProblems(dict, known).map(
    ({ severity, code, span, hint }) =>
      `${severity} ${code} at ${text.slice(span?.from, span?.to)} | ${hint ?? ''}`,
  );
}

test('a config of MMDetection 2.x with variables of its own has no problem', async () => {
  const own =
    'base_lr = 1\nmax_epochs = 3\nclasses = []\nnum_gpus = 8\nimg_scale = (8, 8)\nworkers = 2\ntrain_dataset = dict()\n';
  expect(await problemsOf(own)).toEqual([]);
});

const misspelt: [string, string][] = [
  ['optimzer = dict()', "optimzer | did you mean 'optimizer'?"],
  ['lr_confg = dict()', "lr_confg | did you mean 'lr_config'?"],
  ['custom_hook = []', "custom_hook | did you mean 'custom_hooks'?"],
  ["data['sample_per_gpu'] = 4", "'sample_per_gpu' | did you mean 'samples_per_gpu'?"],
  ["data['trian'] = dict()", "'trian' | did you mean 'train'?"],
  ["data['val_dataloader'] = dict(shufle=True)", "shufle | did you mean 'shuffle'?"],
  ['evaluation = dict(intervall=2)', "intervall | did you mean 'interval'?"],
  ["log_config['intervl'] = 3", "'intervl' | did you mean 'interval'?"],
  ["model['train_cfg'] = dict(asigner=dict())", "asigner | did you mean 'assigner'?"],
  ["model['train_cfg'] = dict(rpn=dict(allowed_boarder=0))", "allowed_boarder | did you mean 'allowed_border'?"],
  ["model['train_cfg'] = dict(rcnn=[dict(), dict(pos_weigth=0)])", "pos_weigth | did you mean 'pos_weight'?"],
  ["model['test_cfg'] = dict(score_th=0.1)", "score_th | did you mean 'score_thr'?"],
  ["optimizer['paramwise_cfg'] = dict(norm_decay_mul=0)", "norm_decay_mul | did you mean 'norm_decay_mult'?"],
  ["optimizer['paramwise_cfg'] = dict(custom_keys={'a.b': dict(lr_mul=0.1)})", "lr_mul | did you mean 'lr_mult'?"],
]; // prettier-ignore
test.each(misspelt)('%s: nothing reads it', async (change, expected) => {
  expect(await problemsOf(change)).toEqual([`warning unread-key at ${expected}`]);
});

const others: [string, string][] = [
  ["data['train']['samples_per_gpu'] = 4", "warning misplaced-key at 'samples_per_gpu' | write data = dict(samples_per_gpu=…)"],
  ["lr_config = dict(policy='step', steps=[8])", "error unknown-argument at steps | did you mean 'step'?"],
  ["momentum_config = dict(policy='cyclic', cyclic_time=1)", "error unknown-argument at cyclic_time | did you mean 'cyclic_times'?"],
  ['optim_wrapper = dict()', "warning mmdet-3-key at optim_wrapper | write optimizer = dict(type='SGD', lr=…) and optimizer_config = dict(grad_clip=…)"],
  ["default_scope = 'mmdet'", 'warning mmdet-3-key at default_scope | write nothing: classes go by their names alone'],
  ['resume = True', "warning mmdet-3-key at resume | write resume_from = '….pth' or auto_resume = True"],
  ["train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=3)", "warning mmdet-3-key at train_cfg | write runner = dict(type='EpochBasedRunner', max_epochs=…) and evaluation = dict(interval=…)"],
  ["model['bbox_head'] = dict(anchor_scales=[8])", "warning mmdet-1-key at anchor_scales | write anchor_generator=dict(type='AnchorGenerator', scales=…), and num_classes without the background"],
  ['evaluation = dict(dist=True)', 'warning unread-key at dist | a run trains and evaluates on one device: remove it'],
  ['seed = 1e300', 'error bad-type at 1e300 | '],
  ['seed = -1', 'error bad-value at -1 | '],
  ["data['workers_per_gpu'] = -1", 'error bad-value at -1 | 0 decodes pictures in the worker that trains'],
  ["data['samples_per_gpu'] = 0", 'error bad-value at 0 | '],
  ["log_config['interval'] = -3", 'error bad-value at -3 | '],
  ['evaluation = dict(interval=0)', 'error bad-value at 0 | '],
  ["log_config['interval'] = 50", 'warning never-logged at 50 | write interval=10 or less'],
  ["lr_config['warmup_iters'] = 500", 'warning warmup-too-long at 500 | write a smaller warmup_iters, about a tenth of the run'],
  ["evaluation['interval'] = 20", 'warning never-evaluated at 20 | write interval=12 or less'],
  ["evaluation['start'] = 13", 'warning never-evaluated at 13 | write start=12 or less'],
  ["checkpoint_config = dict(interval=20, save_last=False)", 'warning never-saved at 20 | write a smaller interval, or leave save_last=False out'],
  ['checkpoint_config = None', 'warning never-saved at None | write checkpoint_config = dict(interval=1)'],
  ["checkpoint_config['save_best'] = 'auto'", "warning misplaced-key at 'save_best' | write evaluation = dict(save_best=…)"],
  ["lr_config['step'] = [8, 12]", 'warning step-never at 12 | choose steps before the end of the run'],
  ['total_epochs = 12', 'warning unread-key at total_epochs | remove it: runner.max_epochs says how long to train'],
  ["optimizer = dict(type='Adagrad', lr=1)\nmomentum_config = dict(policy='cyclic')", "error no-momentum at dict(policy='cyclic') | remove momentum_config, or choose SGD or an Adam"],
  ["optimizer = dict(type='SGD', lr=1)\nmomentum_config = dict(policy='cyclic')", "warning momentum-never at dict(policy='cyclic') | write optimizer = dict(momentum=0.9, …)"],
  ["runner = dict(type='IterBasedRunner', max_iters=240)\nlr_config['by_epoch'] = True\nlr_config['step'] = [1]", 'warning by-epoch-never at True | write by_epoch=False'],
]; // prettier-ignore
test.each(others)('%s', async (change, expected) => {
  expect(await problemsOf(change)).toEqual([expected]);
});

test.each([
  ['auto_resume = 1'],
  ['deterministic = 0'],
  ['auto_scale_lr = dict(enable=1, base_batch_size=16)'],
  ["optimizer['paramwise_cfg'] = dict(bypass_duplicate=1)"],
  ['custom_imports = dict(imports=[], allow_failed_imports=0)'],
  ["log_config = dict(interval=50, hooks=[dict(type='B', by_epoch=0), dict(type='C', ignore_last=0)])"],
])('%s: 0 and 1 stand for False and True', async (change) => {
  expect(await problemsOf(change)).toEqual([]);
});

test.each([
  ['checkpoint_config = dict(interval=20, save_last=0)', 'warning never-saved at 20'],
  ["lr_config['warmup_iters'] = 12\nlr_config['warmup_by_epoch'] = 1", 'warning warmup-too-long at 12'],
  ["runner = dict(type='IterBasedRunner', max_iters=240)\nlr_config['by_epoch'] = 1\nlr_config['step'] = [1]", 'warning by-epoch-never at 1'],
])('%s: they are judged as False and True, too', async (change, expected) => {
  expect(await problemsOf(change)).toEqual([expect.stringContaining(expected)]);
}); // prettier-ignore

test('what fits exactly is no problem, and what depends on an unknown length is left out', async () => {
  const edge = "log_config['interval'] = 20\nlr_config['warmup_iters'] = 239\nevaluation['start'] = 12\n";
  expect(await problemsOf(`${edge}lr_config['step'] = [11]`)).toEqual([]);
  expect(await problemsOf("log_config['interval'] = 1000\nlr_config['warmup_iters'] = 9999", {})).toEqual([]);
});

test('a logger with an interval or unit of its own is judged by it', async () => {
  const hooks = "log_config = dict(interval=50, hooks=[dict(type='A', interval=5), dict(type='B', by_epoch=False), dict(type='C', ignore_last=False)])";
  expect(await problemsOf(hooks)).toEqual([]);
}); // prettier-ignore
