// Decides which annotation format a drop is in, and reads it.

import { DatasetError } from '../errors/index.ts';
import { noteRefusals, readCoco } from './cocoReader.ts';
import { findCocoFiles } from './cocoSearch.ts';
import { exportHint, foreignByName } from './foreignFormats.ts';
import { isPicturePath, splitOfFolder } from './paths.ts';
import type { ReadContext } from './readers.ts';
import type { ImportFormat, RawDataset } from './types.ts';
import { findVocFiles, readVoc } from './vocReader.ts';
import { isNamesFile } from './yoloConfig.ts';
import { findYoloLabels, readYolo } from './yoloReader.ts';

const LABELS: Readonly<Record<ImportFormat, string>> = {
  coco: 'COCO json',
  voc: 'Pascal VOC xml',
  yolo: 'YOLO txt',
  images: 'no annotations',
};

/**
 * Read the annotations of a drop. Of several formats the one that describes most pictures is used, with a warning;
 * COCO before VOC before YOLO when they describe equally many.
 * @throws DatasetError when there is nothing to import, or the only annotation file can't be read
 */
export async function readDataset(context: ReadContext): Promise<RawDataset> {
  const { index, findings } = context;
  const coco = await findCocoFiles(context);
  const voc = findVocFiles(context);
  const yolo = findYoloLabels(context);
  const pictures = index.files.filter((f) => isPicturePath(f.path));
  const listed = coco.files.reduce((sum, f) => sum + f.images.length, 0);
  const found: { format: ImportFormat; count: number }[] = [
    {
      format: 'coco' as const,
      count: coco.files.length > 0 ? Math.max(1, Math.min(listed, pictures.length)) : 0,
    },
    { format: 'voc' as const, count: voc.length },
    { format: 'yolo' as const, count: yolo.labelOf.size },
  ].filter((f) => f.count > 0);
  // Sorting is stable, so that equal counts keep the order above.
  found.sort((a, b) => b.count - a.count);
  const [chosen] = found;
  if (!chosen) {
    if (coco.refusals.length > 0) throw coco.refusals[0];
    return pictures.some(() => hasYoloNames(context)) ? readYolo(yolo, context) : withoutAnnotations(context);
  }
  noteRefusals(coco.refusals, context);
  for (const { format } of found.slice(1))
    findings.warn(
      'several-formats',
      LABELS[format],
      `the drop has annotations as ${found.map((f) => LABELS[f.format]).join(' and ')}; ${LABELS[chosen.format]} is used, ${LABELS[format]} is not`,
    );
  const dataset = await readAs(chosen.format);
  if (dataset.images.length === 0) refuseEmpty(dataset.format, context);
  noteUnlisted(dataset, context);
  return dataset;

  async function readAs(format: ImportFormat): Promise<RawDataset> {
    if (format === 'coco') return readCoco(coco.files, context);
    return format === 'voc' ? readVoc(voc, context) : readYolo(yolo, context);
  }
}

/** Nothing of what the annotations list is there. What was skipped by name has been told and is no reason to refuse. */
function refuseEmpty(format: ImportFormat, { findings, index }: ReadContext): void {
  if (findings.list('skipped').length > 0) return;
  const missing = findings.list('warnings').filter((w) => w.code === 'image-not-found');
  const named = missing.slice(0, 3).map((w) => w.item);
  const seen = index.files.filter((f) => isPicturePath(f.path)).slice(0, 3);
  throw new DatasetError(
    missing.length > 0
      ? `none of the ${missing.length} pictures that the annotations (${LABELS[format]}) list was found: ${named.join(', ')}${missing.length > 3 ? ', …' : ''}`
      : `the annotations (${LABELS[format]}) list no picture`,
    {
      code: 'no-pictures',
      hint:
        seen.length > 0
          ? `the drop has other pictures, such as ${seen.map((f) => f.path).join(', ')}: do they belong together?`
          : 'drop the pictures together with the annotations',
    },
  );
}

function hasYoloNames(context: ReadContext): boolean {
  return context.index.files.some((f) => isNamesFile(f.path) || /\.ya?ml$/i.test(f.path));
}

function withoutAnnotations({ index, findings }: ReadContext): RawDataset {
  const pictures = index.files.filter((f) => isPicturePath(f.path));
  if (pictures.length === 0) {
    const seen = index.files.slice(0, 3).map((f) => f.path);
    throw new DatasetError(
      `a dataset must have pictures and annotations, found only ${seen.join(', ')}${index.files.length > 3 ? ', …' : ''}`,
      {
        code: 'no-pictures',
        hint: index.files.some((f) => /\.(?:rar|7z|tar|t?gz|bz2|xz|zst)$/i.test(f.path))
          ? 'unpack the archive first, or pack it as .zip'
          : 'drop a zip or a folder with pictures and COCO json, Pascal VOC xml or YOLO txt files',
      },
    );
  }
  const foreign = index.files.find((f) => foreignByName(f.path) !== undefined);
  if (foreign) {
    const format = foreignByName(foreign.path) ?? '';
    throw new DatasetError(
      `annotations must be COCO json, Pascal VOC xml or YOLO txt, but ${foreign.path} is ${format}`,
      { code: 'unknown-format', path: foreign.path, hint: exportHint(format) },
    );
  }
  findings.warn(
    'no-annotations',
    'annotations',
    `no annotation file was found for ${pictures.length} pictures: there is nothing to train on yet`,
  );
  return {
    format: 'images',
    boxUnit: 'px',
    categories: [],
    images: pictures.map((file) => ({ file, split: splitOfFolder(file.path), boxes: [] })),
  };
}

function noteUnlisted(dataset: RawDataset, { index, findings }: ReadContext): void {
  const listed = new Set(dataset.images.map((i) => i.file));
  if (dataset.format === 'yolo') return;
  for (const file of index.files)
    if (isPicturePath(file.path) && !listed.has(file))
      findings.note(
        'not-listed',
        file.path,
        `${file.path} is in no annotation that is used; it is not imported`,
      );
}
