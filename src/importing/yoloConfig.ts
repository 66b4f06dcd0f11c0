// Finds what names the classes and the splits of a YOLO dataset: data.yaml, or classes.txt and its kin.

import {
  readClassList,
  readDarknetSplits,
  readYoloYaml,
  type YoloDataFile,
  type YoloSplit,
} from '../formats/yoloConfig.ts';
import { linesOf } from '../util/lines.ts';
import { cleanName } from './categories.ts';
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

/** True for text files that belong to a YOLO dataset but hold no boxes. */
export const isNamesFile = (path: string): boolean => NAME_FILES.test(baseName(path));

/** Read what names the classes and the splits. */
export async function readYoloConfig(context: ReadContext): Promise<YoloConfig> {
  const { files } = context.index;
  const yamls = files.filter((f) => ['yaml', 'yml'].includes(extension(f.path)));
  const darknet = await readDarknet(context);
  let chosen: { file: IndexedFile; names: readonly string[]; data: YoloDataFile } | undefined;
  for (const file of yamls.sort((a, b) => a.path.split('/').length - b.path.split('/').length)) {
    const data = await readYaml(file, context);
    if (!data?.names) continue;
    if (chosen) {
      context.findings.warn(
        'second-yaml',
        file.path,
        `${file.path} is not used: classes come from ${chosen.file.path}`,
      );
      continue;
    }
    chosen = { file, names: data.names, data };
    const { names, classCount } = data;
    if (classCount !== undefined && classCount !== names.length)
      context.findings.warn(
        'class-count',
        file.path,
        `${file.path} says nc: ${classCount} but names ${names.length} classes`,
      );
  }
  if (chosen)
    return {
      names: usableNames(chosen.names),
      namesFile: chosen.file.path,
      keypointValues: chosen.data.keypointValues,
      ...(await resolveSplits(chosen.file, chosen.data, context)),
    };
  const nameFile = files.find((f) => isNamesFile(f.path));
  const splits: Splits = darknet
    ? await resolveSplits(darknet.file, darknet, context)
    : { splitOf: () => undefined, hasSplits: false };
  if (!nameFile) return { ...splits, keypointValues: 0 };
  return {
    names: usableNames(readClassList(await readText(nameFile, context))),
    namesFile: nameFile.path,
    keypointValues: 0,
    ...splits,
  };
}

async function readDarknet(
  context: ReadContext,
): Promise<{ file: IndexedFile; splits: readonly YoloSplit[] } | undefined> {
  const file = context.index.files.find((f) => extension(f.path) === 'data');
  return file && { file, splits: readDarknetSplits(await readText(file, context)) };
}

async function readYaml(file: IndexedFile, context: ReadContext): Promise<YoloDataFile | undefined> {
  const text = await readText(file, context);
  try {
    const data = readYoloYaml(text);
    if (data?.names && data.fault !== undefined)
      context.findings.warn(
        'bad-yaml',
        file.path,
        `${file.path} is not valid YAML: ${data.fault}; what can be read of it is used`,
      );
    return data;
  } catch (error) {
    context.findings.skip(
      'bad-yaml',
      file.path,
      `${file.path} is not valid YAML: ${reasonOf(error).split('\n')[0]}`,
    );
    return undefined;
  }
}

const usableNames = (names: readonly string[]): string[] =>
  names.map((name, i) => cleanName(name) || `class ${i}`);

type Splits = Pick<YoloConfig, 'splitOf' | 'hasSplits'>;

/** Find the folders and lists that the splits name, by the ends of their paths. */
async function resolveSplits(
  file: IndexedFile,
  { root, splits }: Partial<Pick<YoloDataFile, 'root'>> & Pick<YoloDataFile, 'splits'>,
  context: ReadContext,
): Promise<Splits> {
  const folders: { split: SplitName; folder: string }[] = [];
  const listed = new Map<string, SplitName>();
  if (root !== undefined && isAbsolute(root))
    context.findings.warn(
      'foreign-path',
      file.path,
      `${file.path} says path: ${root}, which is on another machine; ignored`,
    );
  for (const { key, split, path } of splits) {
    const end = insideDrop(path);
    const isList = extension(end) === 'txt';
    const list = isList ? context.index.find(end, file.path) : undefined;
    const folder = isList ? undefined : findFolder(end, file.path, context);
    if (list && 'file' in list) {
      for (const line of linesOf(await readText(list.file, context))) {
        const match = line.trim() === '' ? undefined : context.index.find(line, list.file.path);
        if (match && 'file' in match) listed.set(match.file.path, split);
      }
    } else if (folder !== undefined) folders.push({ split, folder });
    else
      context.findings.note('split-not-found', path, `${key}: ${path} (of ${file.path}) is not in the drop`);
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
