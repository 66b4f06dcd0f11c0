// The data worker's data set calls: import, list, preview.

import {
  offeredConfigs,
  filesSource,
  importDataset,
  isUnfinished,
  lockDataset,
  recoverImports,
  reportPath,
  zipSource,
  type ImportItem,
  type ImportProgress as ImporterProgress,
  type ImportReport,
} from '../importing/importFolder.ts';
import { DatasetError } from '../errors/trainerError.ts';
import { blobSource } from '../serialization/zip/index.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import type { Locks } from '../contracts/locks.ts';
import type { CheckImage } from '../contracts/image.ts';
import { requireBelow } from './files.ts';
import type {
  DatasetIssue,
  DatasetSummary,
  ImportProgress,
  ImportSource,
  PreviewPicture,
} from './protocol.ts';

const DATA = 'data';
/** Larger annotation files are not read for a preview: it isn't worth the wait. */
const MAX_PREVIEW_BYTES = 64 * 2 ** 20;

const FORMAT_NAMES: Readonly<Record<ImportReport['format'], string>> = {
  coco: 'COCO annotations',
  voc: 'Pascal VOC annotations',
  yolo: 'YOLO labels',
  images: 'pictures without annotations',
};

/** Progress is told at most this often. */
const PROGRESS_MS = 100;

export interface ImportRequest {
  readonly source: ImportSource;
  readonly name: string;
  readonly replace: boolean;
}

/** What an import works with. */
export interface ImportTools {
  readonly fs: FileSystem;
  readonly locks: Locks;
  readonly checkImage: CheckImage;
}

/** Import a drop. @throws DatasetError, ZipError, StorageError; nothing is left then */
export async function importInto(
  tools: ImportTools,
  { source, name, replace }: ImportRequest,
  context: { signal: AbortSignal; progress: (progress: ImportProgress) => void },
): Promise<DatasetSummary> {
  const opened =
    source.kind === 'zip'
      ? zipSource(blobSource(source.file), source.file.name)
      : filesSource(source.files, name);
  const report = await importDataset(opened, {
    ...tools,
    name,
    replace,
    signal: context.signal,
    onProgress: sometimes((progress) => context.progress(describeProgress(progress))),
  });
  return toSummary(report);
}

/** Pass on the first progress of a phase, and the newest one from time to time. */
function sometimes(tell: (progress: ImporterProgress) => void): (progress: ImporterProgress) => void {
  let last: { phase: string; ms: number } | undefined;
  return (progress) => {
    const ms = performance.now();
    if (last?.phase === progress.phase && ms - last.ms < PROGRESS_MS) return;
    last = { phase: progress.phase, ms };
    tell(progress);
  };
}

/** Data sets with a report, by name; imports that a crash cut off are completed or removed first. */
export async function listDatasets(fs: FileSystem, locks: Locks): Promise<DatasetSummary[]> {
  await recoverImports(fs, locks);
  const found: DatasetSummary[] = [];
  for (const { name, kind } of await fs.list(DATA)) {
    if (kind !== 'directory' || name.startsWith('.') || (await isUnfinished(fs, name))) continue;
    const report = await readReport(fs, name);
    if (report) found.push(toSummary(report));
  }
  return found;
}

/** @throws DatasetError `import-running` */
export async function removeDataset(fs: FileSystem, locks: Locks, name: string): Promise<void> {
  const folder = requireBelow(DATA, `${DATA}/${name}`);
  const lock = await lockDataset(locks, name, `removal of ${name}`);
  try {
    await fs.remove(folder);
  } finally {
    await lock.release();
  }
}

/** The first pictures with boxes. @param openFile gives a picture's bytes without copying them */
export async function previewDataset(
  fs: FileSystem,
  openFile: (path: string) => Promise<File>,
  name: string,
  count: number,
): Promise<PreviewPicture[]> {
  const report = await readReport(fs, name);
  if (!report) throw new DatasetError(`there is no data set ${name}`, { code: 'not-found', path: name });
  const stat = await fs.stat(report.trainAnnFile);
  if (!stat || stat.bytes > MAX_PREVIEW_BYTES) return [];
  // Written by our own import, so its shape is known.
  const coco = JSON.parse(await fs.readText(report.trainAnnFile)) as CocoFile;
  const names = new Map(coco.categories.map((category) => [category.id, category.name]));
  const pictures: PreviewPicture[] = [];
  for (const image of coco.images.slice(0, count)) {
    const boxes = coco.annotations.filter((annotation) => annotation.image_id === image.id);
    pictures.push({
      name: image.file_name,
      file: await openFile(report.imgPrefix + image.file_name),
      width: image.width,
      height: image.height,
      boxes: boxes.map(({ bbox, category_id }) => ({ bbox, label: names.get(category_id) ?? '' })),
    });
  }
  return pictures;
}

interface CocoFile {
  readonly images: readonly { id: number; file_name: string; width: number; height: number }[];
  readonly annotations: readonly {
    image_id: number;
    category_id: number;
    bbox: readonly [number, number, number, number];
  }[];
  readonly categories: readonly { id: number; name: string }[];
}

async function readReport(fs: FileSystem, name: string): Promise<ImportReport | null> {
  if (!(await fs.stat(reportPath(name)))) return null;
  try {
    return JSON.parse(await fs.readText(reportPath(name))) as ImportReport;
  } catch {
    return null;
  }
}

function describeProgress({ phase, done, total }: ImporterProgress): ImportProgress {
  const what = {
    reading: 'Reading the annotations',
    checking: 'Checking and storing the pictures',
    writing: 'Writing the annotations',
  }[phase];
  return { what, done, total: total === 0 ? null : total };
}

/** The report as the page shows it. */
export function toSummary(report: ImportReport): DatasetSummary {
  const { name, format, images, boxes, boxesPerClass, warnings, skipped, notes } = report;
  return {
    name,
    format: FORMAT_NAMES[format],
    imageCount: images.train + images.val,
    boxCount: boxes.train + boxes.val,
    classes: boxesPerClass.map((c) => ({ name: c.name, boxes: c.count })),
    splits: [
      { name: 'train', images: images.train, boxes: boxes.train },
      { name: 'val', images: images.val, boxes: boxes.val },
    ],
    issues: [
      ...skipped.map((item) => toIssue('skipped', item)),
      ...warnings.map((item) => toIssue('warning', item)),
      ...notes.map((item) => toIssue('note', item)),
    ],
    configs: offeredConfigs(report),
  };
}

function toIssue(severity: DatasetIssue['severity'], { item, message, count }: ImportItem): DatasetIssue {
  // The item stands in its own column.
  const own = message.startsWith(item) ? message.slice(item.length).replace(/^:? /, '') : message;
  return { severity, item, message: count > 1 ? `${own} (${count} times)` : own };
}
