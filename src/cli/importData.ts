// `tabtrain import PATH --name NAME [--json]`

import {
  importDataset,
  offeredConfigs,
  suggestName,
  type ImportItem,
  type ImportProgress,
  type ImportReport,
} from '../importing/importFolder.ts';
import { decodeWithSharp } from '../datasets/decoders/sharpDecoder.ts';
import { formatReport, toErrorReport } from '../errors/index.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import { createNodeFs } from '../storage/nodeFs.ts';
import { createNodeLocks } from '../storage/nodeLocks.ts';
import { pathSource } from './folderSource.ts';

export interface ImportDataOptions {
  /** Default: made from the path. */
  name?: string;
  /** Print the report as one line of JSON instead of text. */
  json?: boolean;
  /** Folder in which `data/<name>/` is made; default the current one. */
  root?: string;
  /** Replace a dataset of that name. */
  replace?: boolean;
  /** What the numbers of a COCO `bbox` are; default `xywh`. */
  bboxFormat?: 'xywh' | 'xyxy';
  signal?: AbortSignal;
  onProgress?(progress: ImportProgress): void;
}

/**
 * Import a dataset from disk and write a config that trains on it, unless there is one.
 * @returns exit code 0, 1 (our fault or the disk's) or 2 (the input's fault), and the text to print
 */
export async function importData(
  path: string,
  options: ImportDataOptions = {},
): Promise<{ exitCode: number; text: string }> {
  const {
    name = suggestName(path),
    json = false,
    root = process.cwd(),
    replace,
    bboxFormat,
    signal,
    onProgress,
  } = options;
  const fs = createNodeFs(root);
  try {
    const report = await importDataset(await pathSource(path), {
      fs,
      locks: createNodeLocks(root),
      name,
      checkImage: decodeWithSharp,
      replace,
      bboxFormat,
      signal,
      onProgress,
    });
    const isEmpty = report.warnings.some(({ code }) => code === 'nothing-left');
    const configs = isEmpty ? [] : await writeConfigs(fs, report);
    const paths = configs.map(({ path: written }) => written);
    const text = json ? JSON.stringify({ ...report, configs: paths }) : formatImport(report);
    const rest = configs.length > 0 && !json ? `\n${nextSteps(configs)}` : '';
    return { exitCode: isEmpty ? 2 : 0, text: `${text}${rest}` };
  } catch (error) {
    const report = toErrorReport(error);
    const text = json ? JSON.stringify({ error: { ...report, stack: undefined } }) : formatReport(report);
    return { exitCode: report.isInputError ? 2 : 1, text };
  }
}

interface WrittenConfig {
  readonly path: string;
  readonly label: string;
  /** A person's own text stood there and was left alone. */
  readonly isOther: boolean;
}

/** The configs that the page offers too; none when there is no class to learn. */
async function writeConfigs(fs: FileSystem, report: ImportReport): Promise<WrittenConfig[]> {
  const written: WrittenConfig[] = [];
  for (const { path, label, text } of offeredConfigs(report)) {
    const isThere = (await fs.stat(path)) !== null;
    written.push({ path, label, isOther: isThere && (await fs.readText(path)) !== text });
    if (!isThere) await fs.writeFile(path, text);
  }
  return written;
}

function nextSteps(configs: readonly WrittenConfig[]): string {
  const kept = configs
    .filter(({ isOther }) => isOther)
    .map(({ path }) => `${path} was there and is kept as it is: does it fit this data?`);
  // A dataset's name has no white space: the path needs no quotes.
  const steps = configs.map(
    ({ path, label }, i) => `${i === 0 ? 'next' : 'or'}: npx tabtrain train ${path}  (${label})`,
  );
  return [...kept, ...steps].join('\n');
}

// Codes of findings of which there can be one per picture and which need nobody's attention.
const SHOWN_NOTES = 5;

/** Write a report for the terminal: counts, then every warning and every skipped item by name. */
export function formatImport(report: ImportReport): string {
  const { images, boxes } = report;
  const lines = [
    `imported data/${report.name} (${report.format}): ${images.train + images.val} images, ${boxes.train + boxes.val} boxes, ${report.classes.length} classes`,
    `  train: ${images.train} images, ${boxes.train} boxes  ${report.trainAnnFile}`,
    `  val:   ${images.val} images, ${boxes.val} boxes  ${report.valAnnFile}`,
    `  img_prefix: ${report.imgPrefix}`,
    ...report.boxesPerClass.map(({ name, count }) => `  class ${plain(name)}: ${count} boxes`),
    ...report.skipped.map((item) => lineOf('skipped', item)),
    ...report.warnings.map((item) => lineOf('warning', item)),
    ...noteLines(report.notes),
    `${report.warnings.length} warnings, ${report.skipped.length} skipped`,
  ];
  return lines.join('\n');
}

function lineOf(kind: string, { code, message, count }: ImportItem): string {
  return `${kind} [${code}] ${plain(message)}${count > 1 ? ` (${count} times)` : ''}`;
}

function noteLines(notes: readonly ImportItem[]): string[] {
  const codes = [...new Set(notes.map((n) => n.code))];
  return codes.flatMap((code) => {
    const all = notes.filter((n) => n.code === code);
    const rest = all.length - SHOWN_NOTES;
    const lines = all.slice(0, SHOWN_NOTES).map((n) => lineOf('note', n));
    return rest > 0 ? [...lines, `note [${code}] and ${rest} more like these; --json lists all`] : lines;
  });
}

/** Names come from strangers' files: no control characters reach the terminal. */
// eslint-disable-next-line no-control-regex
const plain = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd');
