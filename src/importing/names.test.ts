import { describe, expect, test } from 'vitest';
import { bytesSource } from '../serialization/zip/index.ts';
import { datasetConfig, datasetConfigPath, pythonString } from './datasetConfig.ts';
import { indexFiles, type FileIndex } from './fileIndex.ts';
import { Findings } from './findings.ts';
import {
  commonFolder,
  isJunk,
  placeOf,
  safePath,
  splitOfFolder,
  splitOfPath,
  wrapperDepth,
} from './paths.ts';
import { fileOf } from './sources.ts';
import { suggestName } from './staging.ts';
import type { ImportReport } from './types.ts';
import { take } from '../util/at.ts';

describe('paths', () => {
  test.each([
    ['a/b.jpg', 'a/b.jpg'],
    ['.\\a\\b.jpg', 'a/b.jpg'],
    ['a//b/./c 1&#%25.jpg', 'a/b/c 1&#%25.jpg'],
    ['a/..b.jpg', 'a/..b.jpg'],
    ['a\u0007b.jpg', 'a_b.jpg'],
  ])('%j is written as %j', (raw, path) => expect(safePath(raw)).toEqual({ path }));

  test.each([
    '../a',
    'a/../../b',
    '/a',
    'C:\\a',
    'c:a',
    '..\\a',
    '',
    '.',
    'a/.. /b',
    'a\0b',
    '/'.padStart(3, '\\'),
  ])('%j is refused with a reason', (raw) => expect(safePath(raw)).toHaveProperty('reason'));

  test('a very long name is cut and stays unique', () => {
    const [a, b] = take(
      ['a', 'b'].map((end) => safePath(`${'写'.repeat(200)}${end}.jpg`)),
      2,
    );
    expect(a).not.toEqual(b);
    expect('path' in a && new TextEncoder().encode(a.path).length).toBeLessThan(255);
  });

  test('system files are junk, dotted names of data are not', () => {
    for (const path of ['.DS_Store', 'a/Thumbs.db', '__MACOSX/a.jpg', 'a/._b.jpg', '.git/config'])
      expect(isJunk(path)).toBe(true);
    for (const path of ['a.b.c.jpg', 'a/..b.jpg'.slice(2, 3), './a.jpg', '../a.jpg'])
      expect(isJunk(path)).toBe(false);
  });

  test('splits are read from names of files and folders', () => {
    expect(splitOfPath('annotations/instances_val2017.json')).toBe('val');
    expect(splitOfPath('valid/_annotations.coco.json')).toBe('val');
    expect(splitOfPath('training.json')).toBe('train');
    expect(splitOfPath('constrained.json')).toBeUndefined();
    expect(splitOfFolder('images/train2017/test.jpg')).toBe('train');
    expect(splitOfFolder('my test photos/1.jpg')).toBeUndefined();
    expect(splitOfPath('constructor/__proto__.json')).toBeUndefined();
  });

  test('a wrapping folder is found, one with a meaning is not', () => {
    expect(wrapperDepth(['a/b/c.jpg', 'a/b/d/e.jpg'])).toBe(2);
    expect(wrapperDepth(['a/train/1.jpg', 'a/train/2.jpg'])).toBe(1);
    expect(commonFolder(['a/b/1.jpg', 'a/bc/2.jpg'])).toBe('a/');
    expect(commonFolder(['1.jpg', 'a/2.jpg'])).toBe('');
    expect(placeOf('train/labels/1.txt')).toBe(placeOf('images/train/1.jpg'));
  });

  test('suggestName makes a valid name of anything', () => {
    expect(suggestName('/home/me/My Photos (1).zip')).toBe('My_Photos_1');
    expect(suggestName('../')).toBe('dataset');
  });
});

describe('FileIndex', () => {
  const index = (...paths: string[]): FileIndex =>
    indexFiles(
      paths.map((p) => fileOf(p, bytesSource(new Uint8Array(1)))),
      new Findings(),
    );
  const find = (files: FileIndex, reference: string, from = 'ann.json'): string => {
    const match = files.find(reference, from);
    return 'file' in match ? `${match.kind} ${match.file.path}` : `${match.candidates.length} candidates`;
  };

  test('finds by path, by another folder, ignoring case, in another Unicode form, by another extension', () => {
    const files = index('images/a.jpg', 'images/Grün.png', 'x/y/z.jpg', 'README');
    expect(find(files, 'a.jpg')).toBe('exact images/a.jpg');
    expect(find(files, 'C:\\data\\old\\a.jpg')).toBe('moved images/a.jpg');
    expect(find(files, 'A.JPG')).toBe('case images/a.jpg');
    expect(find(files, 'Gru\u0308n.png')).toBe('exact images/Grün.png');
    expect(find(files, 'a.png')).toBe('extension images/a.jpg');
    expect(find(files, 'nothing.jpg')).toBe('0 candidates');
  });

  test('of equal names the one in the matching folder wins, a tie is none', () => {
    const files = index('train/images/1.jpg', 'valid/images/1.jpg', 'other.txt');
    expect(find(files, '1.jpg', 'valid/labels/1.txt')).toBe('exact valid/images/1.jpg');
    expect(find(files, '1.jpg', 'ann.json')).toBe('2 candidates');
    expect(find(files, 'train/images/1.jpg')).toBe('exact train/images/1.jpg');
  });

  test('equal paths and a file where a folder is: named, never overwritten', () => {
    const findings = new Findings();
    const sources = ['a.jpg', './a.jpg', 'b', 'b/c.jpg'].map((p) =>
      fileOf(p, bytesSource(new Uint8Array(1))),
    );
    expect(indexFiles(sources, findings).files.map((f) => f.path)).toEqual(['a.jpg', 'b/c.jpg']);
    expect(findings.list('skipped').map((s) => s.item)).toEqual(['a.jpg', 'b']);
  });
});

describe('datasetConfig', () => {
  const report: ImportReport = {
    name: 'cells',
    format: 'coco',
    imgPrefix: 'data/cells/images/',
    trainAnnFile: 'data/cells/annotations/instances_train.json',
    valAnnFile: 'data/cells/annotations/instances_val.json',
    classes: ["it's", '{{ x }}', 'a\\b\n', '白'],
    images: { train: 292, val: 72 },
    boxes: { train: 1, val: 1 },
    boxesPerClass: [],
    medianSize: [640, 480],
    warnings: [],
    skipped: [],
    notes: [],
  };

  test('names are escaped as Python reads them, double braces too', () => {
    expect(report.classes.map(pythonString)).toEqual([
      "'it\\'s'",
      "'\\x7b\\x7b x \\x7d\\x7d'",
      "'a\\\\b\\x0a'",
      "'白'",
    ]);
  });

  test('has the classes, paths, scale and length of the dataset', () => {
    const text = datasetConfig(report);
    expect(datasetConfigPath(report)).toBe('configs/cells/retinanet_r18_cells.py');
    expect(text).toContain('num_classes=4,');
    expect(text).toContain('img_scale = (256, 192)');
    expect(text).toContain("ann_file='data/cells/annotations/instances_val.json'");
    expect(text).toContain('max_epochs=43)');
    expect(text).not.toContain('{{');
    expect(datasetConfig(report, { maxEpochs: 3, imgScale: [320, 320] })).toMatch(
      /img_scale = \(320, 320\)[^]*max_epochs=3\)/,
    );
    expect(() => datasetConfig({ ...report, classes: [] })).toThrow(/at least one class/);
  });
});
