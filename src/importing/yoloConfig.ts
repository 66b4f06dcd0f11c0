// Names and splits of a YOLO dataset: data.yaml, or classes.txt and its kin.

import { parse } from 'yaml';
import { cleanName } from './categories.ts';
import { isPlainObject } from './cocoRecords.ts';
import { baseName, dirName, extension } from './paths.ts';
import { readText, reasonOf, type ReadContext } from './readers.ts';
import type { IndexedFile, SplitName } from './types.ts';

export interface YoloConfig {
  /** By class index; undefined when no file names the classes. */
  readonly names?: readonly string[];
  /** Path of the file that names them. */
  readonly namesFile?: string;
  /** The split a picture is in, by what data.yaml says; undefined when it says nothing that fits. */
  splitOf(picture: string): SplitName | undefined;
  readonly hasSplits: boolean;
  /** Numbers behind the box in each line of a pose dataset; 0 in others. */
  readonly keypointValues: number;
}

const NAME_FILES =
  /^(?:classes|names|class_names|predefined_classes|labels|_darknet)\.(?:txt|labels)$|\.names$/i;
const SPLIT_KEYS: readonly [string, SplitName][] = [
  ['train', 'train'],
  ['val', 'val'],
  ['valid', 'val'],
  ['test', 'test'],
];

/** True for text files that belong to a YOLO dataset but hold no boxes. */
export const isNamesFile = (path: string): boolean => NAME_FILES.test(baseName(path));

/** Read what names the classes and the splits. */
export async function readYoloConfig(context: ReadContext): Promise<YoloConfig> {
  const { files } = context.index;
  const yamls = files.filter((f) => ['yaml', 'yml'].includes(extension(f.path)));
  const darknet = await readDarknet(context);
  let chosen: { file: IndexedFile; names: string[]; data: Record<string, unknown> } | undefined;
  for (const file of yamls.sort((a, b) => a.path.split('/').length - b.path.split('/').length)) {
    const data = await readYaml(file, context);
    const names = data && readNames(data.names);
    if (!data || !names) continue;
    if (chosen) {
      context.findings.warn(
        'second-yaml',
        file.path,
        `${file.path} is not used: classes come from ${chosen.file.path}`,
      );
      continue;
    }
    chosen = { file, names, data };
    if (typeof data.nc === 'number' && data.nc !== names.length)
      context.findings.warn(
        'class-count',
        file.path,
        `${file.path} says nc: ${data.nc} but names ${names.length} classes`,
      );
  }
  if (chosen)
    return {
      names: chosen.names,
      namesFile: chosen.file.path,
      keypointValues: productOf(chosen.data.kpt_shape),
      ...(await readSplits(chosen, context)),
    };
  const nameFile = files.find((f) => isNamesFile(f.path));
  const splits: Splits = darknet
    ? await readSplits(darknet, context)
    : { splitOf: () => undefined, hasSplits: false };
  if (!nameFile) return { ...splits, keypointValues: 0 };
  const lines = (await readText(nameFile, context)).split(/\r\n|\r|\n/).map(cleanName);
  while (lines.at(-1) === '') lines.pop();
  return {
    names: unnamedFilled(lines),
    namesFile: nameFile.path,
    keypointValues: 0,
    ...splits,
  };
}

/** Darknet's `obj.data`: lines `key = value`, of which `train` and `valid` name lists of pictures. */
async function readDarknet(
  context: ReadContext,
): Promise<{ file: IndexedFile; data: Record<string, unknown> } | undefined> {
  const file = context.index.files.find((f) => extension(f.path) === 'data');
  if (!file) return undefined;
  const lines = (await readText(file, context)).split(/\r\n|\r|\n/).map((line) => line.split('='));
  const data = Object.fromEntries(lines.map(([key = '', ...value]) => [key.trim(), value.join('=').trim()]));
  return { file, data };
}

/** @param shape data.yaml's `kpt_shape`: number of keypoints, and of numbers for each */
function productOf(shape: unknown): number {
  if (!Array.isArray(shape)) return 0;
  const product = shape.map(Number).reduce((a, b) => a * b, 1);
  return Number.isInteger(product) && product > 0 ? product : 0;
}

async function readYaml(
  file: IndexedFile,
  context: ReadContext,
): Promise<Record<string, unknown> | undefined> {
  const text = await readText(file, context);
  try {
    // Aliases are what a yaml bomb is made of, and no dataset needs more than a few.
    const data: unknown = parse(text, { maxAliasCount: 20, logLevel: 'silent' });
    return isPlainObject(data) ? data : undefined;
  } catch (error) {
    context.findings.skip(
      'bad-yaml',
      file.path,
      `${file.path} is not valid YAML: ${reasonOf(error).split('\n')[0]}`,
    );
    return undefined;
  }
}

function readNames(value: unknown): string[] | undefined {
  if (Array.isArray(value)) return unnamedFilled(value.map((v) => cleanName(String(v))));
  if (!isPlainObject(value)) return undefined;
  const names: string[] = [];
  for (const [key, name] of Object.entries(value)) {
    const index = Number(key);
    if (Number.isInteger(index) && index >= 0 && index < 100_000) names[index] = cleanName(String(name));
  }
  return unnamedFilled(Array.from(names, (name) => name ?? ''));
}

const unnamedFilled = (names: readonly string[]): string[] =>
  names.map((n, i) => (n === '' ? `class ${i}` : n));

type Splits = Pick<YoloConfig, 'splitOf' | 'hasSplits'>;

async function readSplits(
  { file, data }: { file: IndexedFile; data: Record<string, unknown> },
  context: ReadContext,
): Promise<Splits> {
  const folders: { split: SplitName; folder: string }[] = [];
  const listed = new Map<string, SplitName>();
  if (typeof data.path === 'string' && isAbsolute(data.path))
    context.findings.warn(
      'foreign-path',
      file.path,
      `${file.path} says path: ${data.path}, which is on another machine; ignored`,
    );
  for (const [key, split] of SPLIT_KEYS) {
    for (const entry of [data[key]].flat()) {
      if (typeof entry !== 'string' || entry.trim() === '') continue;
      const end = insideDrop(entry);
      if (extension(end) === 'txt') {
        const list = context.index.find(end, file.path);
        if ('file' in list)
          for (const line of (await readText(list.file, context)).split(/\r\n|\r|\n/)) {
            const match = line.trim() === '' ? undefined : context.index.find(line, list.file.path);
            if (match && 'file' in match) listed.set(match.file.path, split);
          }
        else
          context.findings.note(
            'split-not-found',
            entry,
            `${key}: ${entry} (of ${file.path}) is not in the drop`,
          );
      } else {
        const folder = findFolder(end, file.path, context);
        if (folder !== undefined) folders.push({ split, folder });
        else
          context.findings.note(
            'split-not-found',
            entry,
            `${key}: ${entry} (of ${file.path}) is not in the drop`,
          );
      }
    }
  }
  // The deepest folder that holds a picture decides.
  folders.sort((a, b) => b.folder.length - a.folder.length);
  return {
    hasSplits: folders.length + listed.size > 0,
    splitOf: (picture) =>
      listed.get(picture) ?? folders.find(({ folder }) => `${dirName(picture)}/`.startsWith(folder))?.split,
  };
}

const isAbsolute = (path: string): boolean => /^(?:[\\/]|[A-Za-z]:|~)/.test(path);

/** `../train/images`, `./images/train/` and `/content/x/train` as paths without their leading way. */
const insideDrop = (path: string): string =>
  path
    .trim()
    .replaceAll('\\', '/')
    .replace(/^(?:[A-Za-z]:)?(?:\.{0,2}\/)+/, '')
    .replace(/\/+$/, '');

/** The folder of the drop that a path ends in, with a trailing `/`; longer ends first. */
function findFolder(path: string, from: string, context: ReadContext): string | undefined {
  const folders = new Set<string>();
  for (const { path: file } of context.index.files) {
    const parts = dirName(file).split('/').filter(Boolean);
    parts.forEach((_, i) => folders.add(`${parts.slice(0, i + 1).join('/')}/`));
  }
  const base = dirName(from) === '' ? '' : `${dirName(from)}/`;
  const segments = path.split('/');
  for (let skip = 0; skip < segments.length; skip++) {
    const end = `${segments.slice(skip).join('/')}/`;
    // `images` alone, cut from `/elsewhere/val/images`, would fit the wrong split.
    if (skip > 0 && /^(?:images|imgs|labels|data)\/$/i.test(end)) break;
    if (folders.has(base + end)) return base + end;
    const fits = [...folders].filter((f) => f === end || f.endsWith(`/${end}`));
    if (fits.length === 1) return fits[0];
  }
  return undefined;
}
