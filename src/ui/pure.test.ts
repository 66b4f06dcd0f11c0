// The page's small pure helpers.

import { expect, test } from 'vitest';
import { describeAdapter } from './adapterName.ts';
import { sourceFromFiles } from './droppedFiles.ts';
import { folderTree } from './folderTree.ts';
import { formatBytes, formatDuration, formatValue, plural } from './format.ts';
import { groupByModule } from './parameterGroups.ts';
import { planSchedule } from './schedulePlan.ts';

test('an adapter is called by the name that a person knows', () => {
  const info = { vendor: '', architecture: '', device: '', description: '', isFallbackAdapter: false };
  expect(describeAdapter({ ...info, vendor: 'google', architecture: 'swiftshader' })).toEqual({
    name: 'SwiftShader',
    isSoftware: true,
  });
  expect(
    describeAdapter({ ...info, vendor: 'mesa', description: 'llvmpipe (LLVM 19.1.7, 256 bits)' }),
  ).toEqual({ name: 'Mesa llvmpipe', isSoftware: true });
  expect(describeAdapter({ ...info, vendor: 'nvidia', architecture: 'ada-lovelace' })).toEqual({
    name: 'NVIDIA ada-lovelace',
    isSoftware: false,
  });
  expect(describeAdapter({ ...info, description: 'NVIDIA GeForce RTX 4070' }).name).toBe(
    'NVIDIA GeForce RTX 4070',
  );
  expect(describeAdapter({ ...info, isFallbackAdapter: true })).toEqual({
    name: 'unnamed GPU',
    isSoftware: true,
  });
});

test('bytes, times and values are short', () => {
  expect([0, 999, 1000, 12_345_678, 250e6].map(formatBytes)).toEqual([
    '0 B',
    '999 B',
    '1.0 kB',
    '12.3 MB',
    '250 MB',
  ]);
  expect([4.4, 200, 7500].map(formatDuration)).toEqual(['4 s', '3 min 20 s', '2 h 05 min']);
  expect([0, 0.01, 2.5e-5, 1.23456, 123456, 1e-3].map(formatValue)).toEqual([
    '0',
    '0.01',
    '2.5e-5',
    '1.235',
    '123500',
    '0.001',
  ]);
  expect([plural(1, 'box', 'boxes'), plural(1200, 'box', 'boxes')]).toEqual(['1 box', '1,200 boxes']);
});

test('paths become folders, sorted, without what lies elsewhere', () => {
  const files = ['w/c/z.py', 'w/c/a.py', 'w/c/b/q.py', 'w/top.py', 'data/x'].map((path) => ({ path }));
  const tree = folderTree(files, 'w');
  expect(tree.files.map((f) => f.name)).toEqual(['top.py']);
  expect(tree.folders.map((f) => f.name)).toEqual(['c']);
  expect(tree.folders[0].files.map((f) => f.path)).toEqual(['w/c/a.py', 'w/c/z.py']);
  expect(tree.folders[0].folders[0].files.map((f) => f.name)).toEqual(['q.py']);
});

test('a single zip is an archive; a folder gives its name', () => {
  const file = (name: string): File => new File(['x'], name);
  expect(sourceFromFiles([])).toBeNull();
  expect(sourceFromFiles([{ path: 'a.zip', file: file('a.zip') }])).toMatchObject({
    name: 'a.zip',
    source: { kind: 'zip' },
  });
  const inFolder = ['cells/1.jpg', 'cells/ann/1.xml'].map((path) => ({ path, file: file(path) }));
  expect(sourceFromFiles(inFolder)).toMatchObject({ name: 'cells', source: { kind: 'files' } });
  const loose = ['1.jpg', '1.xml'].map((path) => ({ path, file: file(path) }));
  expect(sourceFromFiles(loose)?.name).toBe('dataset');
});

test('tensors are gathered by the first two parts of their names', () => {
  const rows = [
    'backbone.conv1.weight',
    'backbone.layer1.0.bn1.weight',
    'backbone.layer1.0.bn1.bias',
    'scale',
  ].map((name) => ({ name, shape: [2, 3], dtype: 'float32' }));
  expect(groupByModule(rows).map((g) => [g.name, g.rows.length, g.count])).toEqual([
    ['backbone.conv1', 1, 6],
    ['backbone.layer1', 2, 12],
    ['scale', 1, 6],
  ]);
});

test('the schedule is drawn from the config: warm-up, steps, both sides of each jump', async () => {
  const plan = await planSchedule(
    {
      optimizer: { type: 'SGD', lr: 0.02 },
      lr_config: { policy: 'step', warmup: 'linear', warmup_iters: 10, warmup_ratio: 0.001, step: [8, 11] },
      runner: { type: 'EpochBasedRunner', max_epochs: 12 },
    },
    50,
  );
  if (plan.kind !== 'curve') throw new Error(plan.message);
  const at = (iteration: number): number | null => plan.data.lines[0].values[plan.data.x.indexOf(iteration)];
  // Iteration n of the page is iter n - 1 of MMCV. Warm-up: lr (1 - (1 - iter / 10) (1 - 0.001)).
  expect(at(1)).toBeCloseTo(0.02 * 0.001, 12);
  expect(at(11)).toBeCloseTo(0.02, 12);
  expect(at(400)).toBeCloseTo(0.02, 12);
  expect(at(401)).toBeCloseTo(0.002, 12);
  expect(at(600)).toBeCloseTo(0.0002, 12);
  expect(plan.data.x.at(-1)).toBe(600);
});

test('what keeps a schedule from being drawn is said', async () => {
  expect(await planSchedule({ optimizer: { lr: 0.1 } }, null)).toMatchObject({ kind: 'problem' });
  const unknown = {
    optimizer: { lr: 0.1 },
    lr_config: { policy: 'stepp', step: 3 },
    runner: { type: 'EpochBasedRunner', max_epochs: 12 },
  };
  const plan = await planSchedule(unknown, null);
  expect(plan).toMatchObject({ kind: 'problem', message: expect.stringContaining('Stepp') });
});
