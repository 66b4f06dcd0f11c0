// Builds the drop that each case of `shared/data/bad_inputs/MANIFEST.json` describes, and imports it.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { TrainerError } from '../errors/index.ts';
import { bytesSource } from '../serialization/zip/index.ts';
import { createMemoryFs } from '../storage/memoryFs.ts';
import { createMemoryLocks } from '../storage/memoryLocks.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import { decodeWithSharp } from '../datasets/decoders/sharpDecoder.ts';
import { sniffImage } from '../datasets/decoders/sniff.ts';
import { importDataset } from './importDataset.ts';
import { zipSource } from './sources.ts';
import { memorySource, type Drop } from './testDrops.testing.ts';
import type { ImportItem, ImportReport, ImportSource } from './types.ts';

export type Expectation =
  'accept' | 'accept_with_warning' | 'skip_item_with_named_warning' | 'refuse_with_clear_error';

export interface ManifestCase {
  readonly path: string;
  readonly what: string;
  readonly expect: Expectation;
  readonly keep_images?: number | number[];
  readonly keep_boxes?: number | number[];
  readonly keep_boxes_if_accepted?: number;
}

export interface Outcome {
  readonly kind: Expectation;
  readonly report?: ImportReport;
  readonly error?: TrainerError;
  /** Every finding that is a warning or a skip. */
  readonly findings: readonly ImportItem[];
  readonly fs: FileSystem;
}

/** Import and classify what came of it. */
export async function outcomeOf(source: ImportSource, fs = createMemoryFs()): Promise<Outcome> {
  try {
    const locks = createMemoryLocks();
    const report = await importDataset(source, { fs, locks, name: 'x', checkImage: decodeWithSharp });
    const findings = [...report.skipped, ...report.warnings];
    const kind =
      report.skipped.length > 0
        ? 'skip_item_with_named_warning'
        : report.warnings.length > 0
          ? 'accept_with_warning'
          : 'accept';
    return { kind, report, findings, fs };
  } catch (error) {
    if (!(error instanceof TrainerError) || !error.isInputError) throw error;
    return { kind: 'refuse_with_clear_error', error, findings: [], fs };
  }
}

/** The drop of a case, as the README of the folder says. */
export function sourceOf({ path }: ManifestCase, root: string): ImportSource {
  const bytes = (file: string): Uint8Array => new Uint8Array(readFileSync(join(root, file)));
  const name = basename(path);
  if (path.startsWith('zips/')) return zipSource(bytesSource(bytes(path)), name);
  if (path.startsWith('names/')) return memorySource(folder(join(root, path)), name);
  if (path.startsWith('images/')) {
    const good = bytes('coco/images/BloodImage_00002.jpg');
    return memorySource({
      [`images/${name}`]: bytes(path),
      'images/good.jpg': good,
      'a.json': cocoFor(name, bytes(path)),
    });
  }
  if (path.startsWith('coco/'))
    return memorySource({ [name]: bytes(path), ...folder(join(root, 'coco/images'), 'images/') });
  if (path.startsWith('voc/')) {
    const picture = 'JPEGImages/BloodImage_00000.jpg';
    return memorySource({ [`Annotations/${name}`]: bytes(path), [picture]: bytes(`voc/${picture}`) });
  }
  const picture = bytes('yolo/images/BloodImage_00000.jpg');
  const other = bytes('yolo/images/BloodImage_00002.jpg');
  const labels = bytes('yolo/labels_cases/ok_reference.txt');
  if (name === 'data.yaml')
    return memorySource({
      'data.yaml': bytes(path),
      'train/images/1.jpg': picture,
      'train/labels/1.txt': labels,
      'valid/images/1.jpg': other,
      'valid/labels/1.txt': labels,
    });
  if (name === 'data_dict.yaml')
    return memorySource({
      'data_dict.yaml': bytes(path),
      'images/train/1.jpg': picture,
      'labels/train/1.txt': labels,
      'images/val2/2.jpg': other,
      'labels/val2/2.txt': labels,
    });
  return memorySource({
    'classes.txt': bytes('yolo/classes.txt'),
    'images/BloodImage_00000.jpg': picture,
    'images/BloodImage_00000.txt': bytes(path),
  });
}

function cocoFor(name: string, picture: Uint8Array): string {
  const sizes = [sizeOf(picture, name), { width: 320, height: 240 }];
  const images = [name, 'good.jpg'].map((file_name, id) => ({ id, file_name, ...sizes[id] }));
  const annotations = images.map(({ id }) => ({ id, image_id: id, category_id: 1, bbox: [5, 5, 20, 20] }));
  return JSON.stringify({ images, annotations, categories: [{ id: 1, name: 'cell' }] });
}

function sizeOf(picture: Uint8Array, name: string): { width: number; height: number } {
  try {
    const { width, height } = sniffImage(picture, name);
    return { width, height };
  } catch {
    return { width: 320, height: 240 };
  }
}

/** The files of a folder on disk. */
export function folder(path: string, prefix = ''): Drop {
  const drop: Drop = {};
  for (const entry of readdirSync(path, { recursive: true, encoding: 'utf8' }).sort())
    if (statSync(join(path, entry)).isFile())
      drop[prefix + entry] = new Uint8Array(readFileSync(join(path, entry)));
  return drop;
}

/** Every file of a file system. */
export async function allFiles(fs: FileSystem, folderPath = ''): Promise<string[]> {
  const paths: string[] = [];
  for (const { name, kind } of await fs.list(folderPath)) {
    const path = folderPath === '' ? name : `${folderPath}/${name}`;
    if (kind === 'file') paths.push(path);
    else paths.push(...(await allFiles(fs, path)));
  }
  return paths;
}
