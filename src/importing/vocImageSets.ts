// Which picture is in which split, by the lists of ImageSets/Main.

import { readVocImageSet } from '../formats/vocImageSet.ts';
import { baseName, dirName, stem } from './paths.ts';
import { readText, type ReadContext } from './readers.ts';
import type { IndexedFile, SplitName } from './types.ts';

type ListName = 'train' | 'val' | 'trainval' | 'test';
const LISTS: readonly ListName[] = ['train', 'val', 'trainval', 'test'];

/**
 * Read the lists. With `trainval` and `test` these two are train and val, as published results use them;
 * otherwise `train` and `val`, and `test` stands in for a missing `val`.
 * @returns the split of a picture by its name without extension; undefined when there are no usable lists
 */
export async function readImageSets(
  annotations: readonly IndexedFile[],
  context: ReadContext,
): Promise<((name: string) => SplitName | undefined) | undefined> {
  const known = new Set(annotations.map((f) => keyOf(stem(f.path))));
  const lists = new Map<ListName, Set<string>>();
  for (const file of context.index.files) {
    const list = LISTS.find((name) => baseName(file.path).toLowerCase() === `${name}.txt`);
    // Beside Main there are lists for segmentation, layout and actions, of other pictures.
    if (!list || !/(^|\/)imagesets\/main$/i.test(dirName(file.path))) continue;
    const names = lists.get(list) ?? new Set<string>();
    lists.set(list, names);
    for (const id of readVocImageSet(await readText(file, context))) {
      const base = keyOf(baseName(id));
      // What follows a dot may be an extension or a part of the name.
      names.add(known.has(base) ? base : keyOf(stem(base) || id));
    }
  }
  const used = chooseLists(lists);
  if (!used.some(([, names]) => [...names].some((name) => known.has(name)))) return undefined;
  for (const [, names] of used)
    for (const name of names)
      if (!known.has(name))
        context.findings.warn(
          'listed-missing',
          name,
          `${name} is in ImageSets/Main but has no annotation file`,
        );
  return (name) => used.find(([, names]) => names.has(keyOf(name)))?.[0];
}

function chooseLists(lists: ReadonlyMap<ListName, Set<string>>): [SplitName, ReadonlySet<string>][] {
  const get = (name: ListName): Set<string> => lists.get(name) ?? new Set();
  const [train, val, trainval, test] = [get('train'), get('val'), get('trainval'), get('test')];
  if (trainval.size > 0 && test.size > 0)
    return [
      ['train', trainval],
      ['val', test],
    ];
  if (train.size > 0 && val.size > 0)
    return [
      ['train', train],
      ['val', val],
      ['test', test],
    ];
  return [
    ['train', new Set([...train, ...trainval])],
    ['val', val.size > 0 ? val : test],
  ];
}

const keyOf = (name: string): string => name.normalize('NFC');
