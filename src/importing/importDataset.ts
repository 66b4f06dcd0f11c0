// Import: a zip, a folder or loose files become `data/<name>/`, whole or not at all.
// Stages: list the drop, read its annotations, check and store each picture, repair boxes, write COCO files, commit.

import type { FileBatch, FileSystem } from '../contracts/fileSystem.ts';
import { DatasetError } from '../errors/index.ts';
import { cleanImage, warnAboutFormat, type CleanImage } from './boxes.ts';
import { writeCoco } from './cocoWriter.ts';
import { collectFiles } from './collectFiles.ts';
import type { FileIndex } from './fileIndex.ts';
import { Findings } from './findings.ts';
import { commonFolder, isPicturePath } from './paths.ts';
import { checkPicture, type PictureFacts } from './pictures.ts';
import { isFileFault } from './readers.ts';
import { readDataset } from './readDataset.ts';
import { tellIfNothingIsLeft } from './nothingLeft.ts';
import { Pulse } from './pulse.ts';
import { splitImages, type Splits } from './split.ts';
import { openStaging } from './staging.ts';
import type {
  ImportOptions,
  ImportProgress,
  ImportReport,
  ImportSource,
  IndexedFile,
  RawDataset,
  SourceFile,
} from './types.ts';

// Decoding runs outside the JavaScript thread in every place we know, a few at a time keep it busy.
const PICTURES_AT_ONCE = 4;
// Small files that are no pictures (annotations, lists, licences) are kept as they are; larger ones are not data we know.
/** Larger files are copied piece by piece. */
const BATCHED_BYTES = 2 ** 20;
const MAX_OTHER_BYTES = 500 * 2 ** 20;
/** In the dataset's folder. */
const REPORT_FILE = 'import_report.json';
const KEPT_OTHERS = /\.(?:json|xml|txt|ya?ml|csv|md|names)$|(?:^|\/)(?:licen[cs]e|readme|notice)$/i;

/**
 * Import a dataset. Pictures and annotation files keep their paths (without a folder that wraps everything), and
 * repaired COCO files are added as `annotations/instances_{train,val}.json`; an original of that name becomes
 * `annotations/original_instances_….json`.
 * @throws DatasetError, ZipError or StorageError with code and hint when it is refused; `import-cancelled` when
 * `signal` was aborted. Nothing is left behind then.
 */
export async function importDataset(source: ImportSource, options: ImportOptions): Promise<ImportReport> {
  const staging = await openStaging(options.fs, options.locks, options.name, options.replace ?? false);
  try {
    const report = await new Import(source, options, staging.folder).run();
    await staging.commit();
    return report;
  } catch (error) {
    await staging.discard();
    throw error;
  }
}

class Import {
  readonly #source: ImportSource;
  readonly #options: ImportOptions;
  /** Folder that is filled, without a trailing slash. */
  readonly #folder: string;
  /** Pictures and other small files. */
  readonly #batch: FileBatch;
  readonly #findings = new Findings();
  /** Where an import that has nothing to wait for hears that it is cancelled. */
  readonly #pulse = new Pulse(() => {
    this.#checkCancelled();
    this.#options.onProgress?.(this.#progress);
  });

  #progress: ImportProgress = { phase: 'reading', done: 0, total: 0, bytes: 0 };

  constructor(source: ImportSource, options: ImportOptions, folder: string) {
    this.#source = source;
    this.#options = options;
    this.#folder = folder;
    this.#batch = options.fs.startBatch?.(folder) ?? oneByOne(options.fs, folder);
  }

  async run(): Promise<ImportReport> {
    const { fs, bboxFormat = 'xywh' } = this.#options;
    const onFile = (bytes: number): Promise<void> => this.#step(bytes);
    const scratch = `${this.#folder}/.zips`;
    this.#begin('reading', 0);
    const onBytes = (bytes: number): Promise<void> | undefined => {
      this.#progress = { ...this.#progress, bytes: this.#progress.bytes + bytes };
      return this.#pulse.beat();
    };
    const beat = (): Promise<void> | undefined => this.#pulse.beat();
    const index = await collectFiles(this.#source, { fs, scratch, findings: this.#findings, onFile });
    const dataset = await readDataset({ index, findings: this.#findings, bboxFormat, onFile, onBytes, beat });
    const facts = await this.#storePictures(dataset);
    const images = await this.#cleanImages(dataset, facts);
    const splits = splitImages(images, this.#findings);
    const report = this.#report(dataset, splits);
    await this.#storeOthers(index, report);
    await this.#batch.finish(() => this.#checkCancelled());
    const prefix = this.#prefix(splits);
    for (const split of ['train', 'val', 'test'] as const) {
      if (split === 'test' && splits.test.length === 0) continue;
      const path = `${this.#folder}/${annFile(split)}`;
      await writeCoco(fs, path, splits[split], dataset.categories, prefix, beat);
      await this.#step(0);
    }
    await fs.writeFile(`${this.#folder}/${REPORT_FILE}`, `${JSON.stringify(report, null, 2)}\n`);
    await fs.remove(scratch);
    return report;
  }

  #begin(phase: ImportProgress['phase'], total: number): void {
    this.#progress = { ...this.#progress, phase, done: 0, total };
    this.#options.onProgress?.(this.#progress);
  }

  /** Count a finished file; the place where a cancelled import stops. */
  async #step(bytes: number): Promise<void> {
    this.#checkCancelled();
    const { done, ...rest } = this.#progress;
    this.#progress = { ...rest, done: done + 1, bytes: rest.bytes + bytes };
    this.#options.onProgress?.(this.#progress);
    await this.#pulse.beat();
  }

  #checkCancelled(): void {
    if (this.#options.signal?.aborted)
      throw new DatasetError('the import was cancelled', { code: 'import-cancelled' });
  }

  /** Check every listed picture and store it under its own path. */
  async #storePictures(dataset: RawDataset): Promise<Map<IndexedFile, PictureFacts>> {
    const { checkImage } = this.#options;
    const facts = new Map<IndexedFile, PictureFacts>();
    this.#begin('checking', dataset.images.length);
    await forEachAtOnce(dataset.images, PICTURES_AT_ONCE, async ({ file }) => {
      this.#checkCancelled();
      const checked = await checkPicture(file, checkImage, this.#findings);
      if (checked) {
        await this.#batch.write(file.path, checked.bytes);
        facts.set(file, checked.facts);
      }
      await this.#step(file.source.size);
    });
    return facts;
  }

  async #cleanImages(
    dataset: RawDataset,
    facts: ReadonlyMap<IndexedFile, PictureFacts>,
  ): Promise<CleanImage[]> {
    warnAboutFormat(dataset, (image) => facts.get(image.file), this.#findings);
    const images: CleanImage[] = [];
    for (const raw of dataset.images) {
      const known = facts.get(raw.file);
      const image = known && cleanImage(raw, known, dataset, this.#findings);
      if (image) images.push(image);
      await this.#pulse.beat();
    }
    tellIfNothingIsLeft(dataset, images, this.#findings);
    return images;
  }

  #prefix({ train, val, test }: Splits): string {
    return commonFolder([...train, ...val, ...test].map((i) => i.raw.file.path));
  }

  /** Keep annotation files, lists, licences as they are. */
  async #storeOthers(index: FileIndex, report: ImportReport): Promise<void> {
    const { name } = this.#options;
    const files = [report.trainAnnFile, report.valAnnFile, report.testAnnFile].filter((f) => f !== undefined);
    const generated = new Set([REPORT_FILE, ...files.map((f) => f.slice(`data/${name}/`.length))]);
    const others = index.files.filter(
      (f) => !isPicturePath(f.path) && KEPT_OTHERS.test(f.path) && f.source.size <= MAX_OTHER_BYTES,
    );
    this.#begin('writing', others.length + files.length);
    for (const { path, source } of others) {
      const target = generated.has(path) ? path.replace(/[^/]+$/, 'original_$&') : path;
      try {
        if (source.size <= BATCHED_BYTES) await this.#batch.write(target, await source.read(0, source.size));
        else await this.#copy(source, `${this.#folder}/${target}`);
      } catch (error) {
        if (!isFileFault(error)) throw error;
        this.#findings.skip(error.code, path, `${path} can't be read: ${error.message}`);
        continue;
      }
      await this.#step(source.size);
    }
  }

  async #copy(source: SourceFile, target: string): Promise<void> {
    const writer = await this.#options.fs.createWriter(target);
    try {
      for await (const piece of source.stream()) {
        await writer.write(piece);
        await this.#pulse.beat();
      }
    } catch (error) {
      await writer.abort();
      throw error;
    }
    await writer.close();
  }

  #report(dataset: RawDataset, splits: Splits): ImportReport {
    const { train, val, test } = splits;
    const root = `data/${this.#options.name}/`;
    const countBoxes = (images: readonly CleanImage[]): number =>
      images.reduce((sum, i) => sum + i.boxes.length, 0);
    const perClass = dataset.categories.map(() => 0);
    for (const image of [...train, ...val])
      for (const { category } of image.boxes) perClass[category] = (perClass[category] ?? 0) + 1;
    const names = dataset.categories.map((c) => c.name);
    return {
      name: this.#options.name,
      format: dataset.format,
      imgPrefix: root + this.#prefix(splits),
      trainAnnFile: root + annFile('train'),
      valAnnFile: root + annFile('val'),
      ...(test.length > 0 ? { testAnnFile: root + annFile('test') } : {}),
      classes: names,
      images: { train: train.length, val: val.length },
      boxes: { train: countBoxes(train), val: countBoxes(val) },
      boxesPerClass: names.map((name, i) => ({ name, count: perClass[i] ?? 0 })),
      medianSize: [
        median([...train, ...val].map((i) => i.facts.width)),
        median([...train, ...val].map((i) => i.facts.height)),
      ],
      warnings: this.#findings.list('warnings'),
      skipped: this.#findings.list('skipped'),
      notes: this.#findings.list('notes'),
    };
  }
}

/** Where the report of an import is kept. */
export const reportPath = (name: string): string => `data/${name}/${REPORT_FILE}`;

const annFile = (split: 'train' | 'val' | 'test'): string => `annotations/instances_${split}.json`;

/** A batch where the file system has none. */
function oneByOne(fs: FileSystem, folder: string): FileBatch {
  return {
    write: (path, data) => fs.writeFile(`${folder}/${path}`, data),
    finish: async () => undefined,
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

/** Run an action over all items, a few at a time; the first failure stops the rest and is thrown. */
async function forEachAtOnce<T>(
  items: readonly T[],
  atOnce: number,
  action: (item: T) => Promise<void>,
): Promise<void> {
  // One iterator for all lanes: each takes the next item.
  const rest = items.values();
  let isFailed = false;
  const lane = async (): Promise<void> => {
    for (let next = rest.next(); !next.done && !isFailed; next = rest.next()) {
      try {
        await action(next.value);
      } catch (error) {
        isFailed = true;
        throw error;
      }
    }
  };
  // All lanes must have ended before the folder is removed, or a late write would bring it back.
  const results = await Promise.allSettled(Array.from({ length: atOnce }, lane));
  const failure = results.find((r) => r.status === 'rejected');
  if (failure) throw failure.reason;
}
