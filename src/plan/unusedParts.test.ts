import { expect, test } from 'vitest';
import type { Problem } from '../contracts/problem.ts';
import { planText } from './testing/planText.ts';
import { withoutUnused, type Purpose } from './unusedParts.ts';

const errorAt = (path: string): Problem => ({ severity: 'error', code: 'x', message: 'x', path });

test.each<[string, Record<string, unknown>, Purpose, string]>([
  ['data.test.pipeline[0].type', {}, 'train', 'warning'],
  ['data.test_dataloader.samples_per_gpu', {}, 'train', 'warning'],
  ['data.val.pipeline[0].type', {}, 'train', 'error'],
  ['data.val.pipeline[0].type', { evaluation: null }, 'train', 'warning'],
  ['data.val.ann_file', { evaluation: null, workflow: [['train', 1], ['val', 1]] }, 'train', 'error'], // prettier-ignore
  ['data.train.ann_file', { evaluation: null }, 'train', 'error'],
  ['data.tests', {}, 'train', 'error'],
  ['data.test.ann_file', {}, 'test', 'error'],
  ['model.backbone.depth', {}, 'test', 'error'],
  ['data.train.ann_file', {}, 'test', 'warning'],
  ['optimizer.type', {}, 'test', 'warning'],
  ['custom_hooks[0].type', {}, 'test', 'warning'],
])('an error at %s of a config with %j, for %s: %s', (path, dict, purpose, severity) => {
  expect(withoutUnused([errorAt(path)], dict, purpose)).toEqual([{ ...errorAt(path), severity }]);
});

test('what never acts in training is told of a run to be trained, not of a test', () => {
  const late: Problem = { severity: 'warning', code: 'step-never', message: 'x', path: 'lr_config.step[0]' };
  expect(withoutUnused([late], {}, 'train')).toEqual([late]);
  expect(withoutUnused([late], {}, 'test')).toEqual([]);
});

test('a slip in data.test is told, and stops no training; in a pipeline that data.val shares it does, and is told once', async () => {
  const own = await planText("data = dict(test=dict(_delete_=True, type='ShapesDatasett', pipeline=[]))");
  expect(own.problems.map(({ severity, path }) => [severity, path])).toEqual([['warning', 'data.test.type']]);
  expect(own.length).not.toBeNull();
  const shared = await planText(`
slip = [dict(type='LoadImageFromFil')]
data = dict(val=dict(pipeline=slip), test=dict(pipeline=slip))`);
  expect(shared.problems.map(({ severity, path }) => [severity, path])).toEqual([
    ['error', 'data.val.pipeline[0].type'],
  ]);
}, 60_000);

test('what `tabtrain test` builds is an error for it, what it does not build is not', async () => {
  const text = `
optimizer = dict(type='AdamWW')
data = dict(test=dict(pipeline=[dict(type='LoadImageFromFil')]))`;
  const severities = async (purpose: Purpose): Promise<string[]> =>
    (await planText(text, {}, { purpose })).problems.map(({ severity, path }) => `${severity} ${path}`);
  expect(await severities('train')).toEqual(['error optimizer.type', 'warning data.test.pipeline[0].type']);
  expect(await severities('test')).toEqual(['error data.test.pipeline[0].type', 'warning optimizer.type']);
}, 60_000);
