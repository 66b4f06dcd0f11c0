// Decides which pictures are trained on and which are kept for validation.

import type { CleanImage } from './boxes.ts';
import { groupBy } from './fileIndex.ts';
import type { Findings } from './findings.ts';
import { fnv1a } from './paths.ts';

export interface Splits {
  readonly train: readonly CleanImage[];
  readonly val: readonly CleanImage[];
  /** Only when the source has train, val and test. */
  readonly test: readonly CleanImage[];
}

const VAL_SHARE = 0.2;

/**
 * Take the source's own split; a test split stands in for a missing val. Without both train and val, one fifth of the
 * pictures goes to val: always the same ones for the same pictures, byte-identical pictures on one side.
 */
export function splitImages(images: readonly CleanImage[], findings: Findings): Splits {
  const has = (split: string): boolean => images.some((i) => i.raw.split === split);
  const of = (split: string): CleanImage[] => images.filter((i) => i.raw.split === split);
  let splits: Splits;
  if (has('train') && has('val')) {
    splits = {
      train: images.filter((i) => i.raw.split === 'train' || i.raw.split === undefined),
      val: of('val'),
      test: of('test'),
    };
    if (has('test')) {
      const message = `${splits.test.length} pictures of the test split are kept apart, in annotations/instances_test.json`;
      findings.note('test-split', 'test', message);
    }
  } else if (has('train') && of('test').some((i) => i.boxes.length > 0)) {
    splits = { train: images.filter((i) => i.raw.split !== 'test'), val: of('test'), test: [] };
  } else if (has('train') && has('test')) {
    // Handed out without its boxes: every score on it would be 0.
    const made = makeSplit(
      images.filter((i) => i.raw.split !== 'test'),
      findings,
    );
    splits = { ...made, test: of('test') };
    const message = `the ${splits.test.length} pictures of the test split have no boxes: they are kept apart, in annotations/instances_test.json, and not used for validation`;
    findings.note('test-split', 'test', message);
  } else {
    splits = makeSplit(images, findings);
  }
  warnAboutLeaks(splits, findings);
  return splits;
}

function makeSplit(images: readonly CleanImage[], findings: Findings): Splits {
  const groups = [...groupBy(images, (i) => i.facts.digest).values()].map((group) => {
    const [name = ''] = group.map((i) => i.raw.file.path).sort();
    return { group, name, order: fnv1a(name) };
  });
  groups.sort((a, b) => a.order - b.order || (a.name < b.name ? -1 : 1));
  const wanted = images.length < 2 ? 0 : Math.max(1, Math.round(VAL_SHARE * images.length));
  const chosen = new Set<CleanImage>();
  for (const { group } of groups.slice(0, -1)) {
    if (chosen.size + group.length <= wanted || chosen.size === 0) group.forEach((i) => chosen.add(i));
    if (chosen.size >= wanted) break;
  }
  if (wanted === 0) chosen.clear();
  if (images.length > 0)
    findings.note(
      'split-made',
      'val',
      chosen.size > 0
        ? `the source has no train and val split: ${chosen.size} of ${images.length} pictures are kept for validation`
        : images.length > 1
          ? `all ${images.length} pictures are byte for byte the same, none is left for validation`
          : 'there is only one picture to train on, none is left for validation',
    );
  return { train: images.filter((i) => !chosen.has(i)), val: images.filter((i) => chosen.has(i)), test: [] };
}

function warnAboutLeaks({ train, val }: Splits, findings: Findings): void {
  const byDigest = groupBy(train, (i) => i.facts.digest);
  for (const image of val)
    for (const twin of byDigest.get(image.facts.digest) ?? [])
      findings.warn(
        'leak',
        image.raw.file.path,
        `${image.raw.file.path} (val) is the same picture as ${twin.raw.file.path} (train): the score will look too good`,
      );
  for (const group of [...byDigest.values(), ...groupBy(val, (i) => i.facts.digest).values()]) {
    if (group.length < 2) continue;
    const names = group.map((i) => i.raw.file.path);
    findings.note(
      'same-picture',
      names[0] ?? '',
      `the same picture under ${group.length} names: ${names.join(', ')}`,
    );
  }
}
