// The page's small pure helpers.

import { expect, test } from 'vitest';
import { describeAdapter } from './adapterName.ts';
import { areWeights, sourceFromFiles } from './droppedFiles.ts';
import { freePath } from './filePaths.ts';
import { entriesOf, folderTree } from './folderTree.ts';
import { formatBytes, formatDuration, formatValue, plural } from './format.ts';
import { at } from '../util/at.ts';

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
    name: 'NVIDIA Ada Lovelace',
    isSoftware: false,
  });
  expect(describeAdapter({ ...info, description: 'NVIDIA GeForce RTX 4070' }).name).toBe(
    'NVIDIA GeForce RTX 4070',
  );
  expect(describeAdapter({ ...info, isFallbackAdapter: true })).toEqual({
    name: 'unknown adapter',
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
  expect(at(tree.folders, 0).files.map((f) => f.path)).toEqual(['w/c/a.py', 'w/c/z.py']);
  expect(at(at(tree.folders, 0).folders, 0).files.map((f) => f.name)).toEqual(['q.py']);
});

test('what lies directly in a folder', () => {
  const files = ['w/a/b.ts', 'w/a/c/d.ts', 'w/e.ts'].map((path) => ({ path }));
  expect(entriesOf(files, 'w/a')).toEqual([
    { name: 'c', kind: 'directory' },
    { name: 'b.ts', kind: 'file' },
  ]);
  expect(entriesOf(files, 'w/none')).toEqual([]);
});

test('a name that is taken gets a number', () => {
  const taken = ['a/b.ts', 'a/b2.ts', 'c'];
  const isTaken = (path: string): boolean => taken.includes(path);
  expect(['a/b.ts', 'a/d.ts', 'c'].map((path) => freePath(path, isTaken))).toEqual([
    'a/b3.ts',
    'a/d.ts',
    'c2',
  ]);
});

test('weights are told from data sets', async () => {
  const drop = (...names: string[]): Promise<boolean> =>
    areWeights(
      names.map((name) => ({
        path: name,
        file: new File([name.startsWith('graph') ? '{"format": "graph-model"' : '{}'], name),
      })),
    );
  expect(await drop('resnet18-f37072fd.pth')).toBe(true);
  expect(await drop('a.safetensors', 'b.ckpt')).toBe(true);
  expect(await drop('graph.json', 'graph.bin')).toBe(true);
  expect(await drop('graph.bin')).toBe(true);
  expect(await drop('annotations.json')).toBe(false);
  expect(await drop('a.pth', 'a.jpg')).toBe(false);
  expect(await drop()).toBe(false);
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
