// What a hint names can be written where the slip is, and each slip is told once.

import { expect, test } from 'vitest';
import { planText } from './testing/planText.ts';

test.each([
  ['optimizer = dict(bias_lr_mul=2)', 'optimizer.bias_lr_mul', 'did you mean paramwise_cfg=dict(bias_lr_mult=…)?'],
  ['optimizer = dict(custom_keys=dict())', 'optimizer.custom_keys', 'did you mean paramwise_cfg=dict(custom_keys=…)?'],
  ['optimizer = dict(paramwse_cfg=dict())', 'optimizer.paramwse_cfg', "did you mean 'paramwise_cfg'?"],
  ["log_config = dict(hooks=[dict(type='TextLoggerHook', intervl=5)])", 'log_config.hooks[0].intervl', "did you mean 'interval'?"],
  ["optimizer = dict(tpye='SGD')", 'optimizer.tpye', "did you mean 'type'?"],
  ['optimizer_config = dict(max_norm=35)', 'optimizer_config.max_norm', 'did you mean grad_clip=dict(max_norm=…)?'],
  ["lr_config = dict(polcy='step')", 'lr_config.polcy', "did you mean 'policy'?"],
  ["lr_config = dict(warmup_iter=3)", 'lr_config.warmup_iter', "did you mean 'warmup_iters'?"],
  ["model = dict(bbox_head=dict(bbox_coder=dict(tpye='X')))", 'model.bbox_head.bbox_coder.tpye', "did you mean 'type'?"],
])('%s', async (text, path, hint) => {
  const { problems } = await planText(text);
  expect(problems.map((problem) => [problem.path, problem.hint])).toEqual([[path, hint]]);
}); // prettier-ignore

test('what whoever builds it adds is not proposed', async () => {
  const [problem, ...others] = (await planText('optimizer = dict(friction=2)')).problems;
  expect(others).toEqual([]);
  expect(problem?.hint).toMatch(/^it takes: lr, betas, .*, constructor, paramwise_cfg$/);
});

test.each([
  ["log_config = dict(interval='10')", 'log_config.interval', "must be a whole number of at least 1, but got '10'"],
  ["lr_config = dict(_delete_=True, policy='OneCycle', max_lr='0.1')", 'lr_config.max_lr', "must be a number, a list of numbers or a dict of such lists, but got '0.1'"],
  ["lr_config = dict(_delete_=True, policy='OneCycle', max_lr=[0.1, 'a'])", 'lr_config.max_lr', "or a dict of such lists, but got [0.1, 'a']"],
  ["lr_config = dict(_delete_=True, policy='cyclic', target_ratio=[10, 1])", 'lr_config.target_ratio', 'must be a float or a tuple of one or two numbers, but got [10, 1]'],
  ["lr_config = dict(_delete_=True, policy='cyclic', target_ratio=(1, 2, 3))", 'lr_config.target_ratio', 'but got (1, 2, 3)'],
  ["momentum_config = dict(policy='OneCycle', base_momentum=(0.8,))", 'momentum_config.base_momentum', 'but got (0.8,)'],
  ["momentum_config = dict(policy='OneCycle', max_momentum=None)", 'momentum_config.max_momentum', 'but got None'],
  ['custom_hooks = [3]', 'custom_hooks[0]', 'must be a dict, but got 3'],
  ["custom_hooks = [dict(type='EMAHook'), 'EMAHook']", 'custom_hooks[1]', "must be a dict, but got 'EMAHook'"],
  ['custom_hooks = 3', 'custom_hooks', 'must be a dict or a list or tuple of dicts or None, but got 3'],
  ['model = dict(test_cfg=dict(max_per_img=0))', 'model.test_cfg.max_per_img', 'must be a whole number of at least 1 or None, but got 0'],
  ['model = dict(test_cfg=dict(max_per_img=-1))', 'model.test_cfg.max_per_img', 'must be a whole number of at least 1 or None, but got -1'],
])('%s is told once', async (text, path, says) => {
  const { problems } = await planText(text);
  expect(problems.map((problem) => [problem.path, problem.message])).toEqual([[path, expect.stringContaining(says)]]);
}); // prettier-ignore

test.each([
  "lr_config = dict(_delete_=True, policy='OneCycle', max_lr=0.1)",
  "lr_config = dict(_delete_=True, policy='OneCycle', max_lr=dict(AdamW=[0.1, 0.1]))",
  "lr_config = dict(_delete_=True, policy='cyclic', target_ratio=(10.0,))",
  "lr_config = dict(_delete_=True, policy='cyclic', target_ratio=0.5)",
])('%s says nothing of the wrong kind', async (text) => {
  expect((await planText(text)).problems.filter(({ code }) => code === 'bad-value')).toEqual([]);
});

test('max_per_img=None keeps all', async () => {
  expect((await planText('model = dict(test_cfg=dict(max_per_img=None))')).problems).toEqual([]);
});
