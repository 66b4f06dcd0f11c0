// What a YOLO dataset says about itself, in one of three files.
//
// | file                   | key                       | value                                                             | here           |
// |------------------------|---------------------------|-------------------------------------------------------------------|----------------|
// | data.yaml (Ultralytics)| names                     | list of names, or a mapping from class index to name              | names          |
// |                        | nc                        | number of classes                                                 | classCount     |
// |                        | path                      | folder that the next ones are relative to                         | root           |
// |                        | train, val (valid), test  | folder of pictures, `.txt` list of pictures, or several of either | splits         |
// |                        | kpt_shape                 | pose: number of keypoints, and of numbers for each                | keypointValues |
// | obj.data (Darknet)     | train, valid              | `.txt` list of pictures; lines are `key = value`                  | splits         |
// | classes.txt, obj.names | a line each               | name of a class, in the order of the indices                      | names          |
//
// Source: Ultralytics docs, "Dataset format"; Darknet README, "Training YOLO on VOC".

import { parseDocument } from 'yaml';
import { isRecord } from '../util/isRecord.ts';
import { linesOf } from '../util/lines.ts';

export interface YoloSplit {
  /** The key as written. */
  readonly key: string;
  readonly split: 'train' | 'val' | 'test';
  /** A folder or a list of pictures, as written: often a path of another machine. */
  readonly path: string;
}

export interface YoloDataFile {
  /** By class index, trimmed, '' where an index has no name; undefined where the file names no classes. */
  readonly names: readonly string[] | undefined;
  readonly classCount: number | undefined;
  readonly root: string | undefined;
  readonly splits: readonly YoloSplit[];
  /** Numbers behind the box in each line of a label file; 0 without keypoints. */
  readonly keypointValues: number;
  /** Why the text is not quite YAML. */
  readonly fault: string | undefined;
}

const SPLIT_KEYS: readonly (readonly [string, YoloSplit['split']])[] = [
  ['train', 'train'],
  ['val', 'val'],
  ['valid', 'val'],
  ['test', 'test'],
];
const MAX_CLASSES = 100_000;

/**
 * Read data.yaml, as far as it can be read.
 * @returns undefined for yaml that is no mapping
 * @throws ReferenceError for aliases that would grow without end
 */
export function readYoloYaml(text: string): YoloDataFile | undefined {
  // Aliases are what a yaml bomb is made of, and no dataset needs more than a few.
  const document = parseDocument(text, { logLevel: 'silent' });
  const data: unknown = document.toJS({ maxAliasCount: 20 });
  if (!isRecord(data)) return undefined;
  return {
    names: readNames(data.names),
    classCount: typeof data.nc === 'number' ? data.nc : undefined,
    root: typeof data.path === 'string' ? data.path : undefined,
    splits: readSplits(data),
    keypointValues: productOf(data.kpt_shape),
    fault: document.errors[0]?.message.split('\n')[0]?.replace(/:$/, ''),
  };
}

/** The splits of Darknet's `obj.data`. */
export function readDarknetSplits(text: string): readonly YoloSplit[] {
  const lines = linesOf(text).map((line) => line.split('='));
  return readSplits(
    Object.fromEntries(lines.map(([key = '', ...value]) => [key.trim(), value.join('=').trim()])),
  );
}

/** The names of a `classes.txt` or `obj.names`, trimmed; '' for an empty line that is not among the last. */
export function readClassList(text: string): string[] {
  const names = linesOf(text).map((line) => line.trim());
  while (names.at(-1) === '') names.pop();
  return names;
}

function readNames(value: unknown): string[] | undefined {
  if (Array.isArray(value)) return value.map((name) => String(name).trim());
  if (!isRecord(value)) return undefined;
  const names: string[] = [];
  for (const [key, name] of Object.entries(value)) {
    const index = Number(key);
    if (Number.isInteger(index) && index >= 0 && index < MAX_CLASSES) names[index] = String(name).trim();
  }
  return Array.from(names, (name) => name ?? '');
}

function readSplits(data: Readonly<Record<string, unknown>>): YoloSplit[] {
  return SPLIT_KEYS.flatMap(([key, split]) =>
    [data[key]]
      .flat()
      .filter((path): path is string => typeof path === 'string' && path.trim() !== '')
      .map((path) => ({ key, split, path })),
  );
}

function productOf(shape: unknown): number {
  if (!Array.isArray(shape)) return 0;
  const product = shape.map(Number).reduce((a, b) => a * b, 1);
  return Number.isInteger(product) && product > 0 ? product : 0;
}
