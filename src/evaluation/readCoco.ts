// Checks COCO JSON from outside before it is evaluated, so that a broken file gives one clear message.

import { DatasetError } from '../errors/trainerError.ts';
import { isRecord } from '../util/isRecord.ts';
import type { CocoDetection, CocoGroundTruth } from './cocoTypes.ts';

/**
 * Read the text of a COCO ground-truth file.
 * @param path names the file in messages
 * @throws DatasetError `bad-json`, `bad-annotations` with the place inside the file
 */
export function readCocoGroundTruth(text: string, path: string): CocoGroundTruth {
  const root = parse(text, path);
  if (!isRecord(root)) throw broken(path, 'the file must be a JSON object', describe(root));
  const listOf = (key: string): readonly unknown[] => {
    const list = root[key];
    if (!Array.isArray(list)) throw broken(path, `"${key}" must be a list`, describe(list));
    return list;
  };
  const images = listOf('images');
  const annotations = listOf('annotations');
  const categories = listOf('categories');
  images.forEach((image, i) => checkId(image, 'id', `images[${i}]`, path));
  categories.forEach((category, i) => checkNumber(category, 'id', `categories[${i}]`, path));
  annotations.forEach((annotation, i) => {
    const place = `annotations[${i}]`;
    checkId(annotation, 'image_id', place, path);
    checkNumber(annotation, 'category_id', place, path);
    checkBox(annotation, place, path);
  });
  return root as unknown as CocoGroundTruth;
}

/**
 * Read the text of a COCO results file: a list of boxes with scores.
 * @throws DatasetError `bad-json`, `bad-annotations` with the place inside the file
 */
export function readCocoDetections(text: string, path: string): CocoDetection[] {
  const root = parse(text, path);
  if (!Array.isArray(root)) throw broken(path, 'the file must be a JSON list of detections', describe(root));
  root.forEach((detection, i) => {
    const place = `[${i}]`;
    checkId(detection, 'image_id', place, path);
    checkNumber(detection, 'category_id', place, path);
    checkNumber(detection, 'score', place, path);
    checkBox(detection, place, path);
  });
  return root as CocoDetection[];
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new DatasetError(`the file must be JSON, but reading it fails: ${reason}`, {
      code: 'bad-json',
      path,
      cause: error,
    });
  }
}

function broken(path: string, requirement: string, actual: string): DatasetError {
  return new DatasetError(`${requirement}, but got ${actual}`, { code: 'bad-annotations', path });
}

function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function field(row: unknown, key: string, place: string, path: string): unknown {
  if (!isRecord(row)) throw broken(path, `${place} must be an object`, describe(row));
  return row[key];
}

function checkId(row: unknown, key: string, place: string, path: string): void {
  const value = field(row, key, place, path);
  if (typeof value === 'string' || Number.isFinite(value)) return;
  throw broken(path, `${place}.${key} must be a number or a string`, describe(value));
}

function checkNumber(row: unknown, key: string, place: string, path: string): void {
  const value = field(row, key, place, path);
  if (Number.isFinite(value)) return;
  throw broken(path, `${place}.${key} must be a number`, describe(value));
}

function checkBox(row: unknown, place: string, path: string): void {
  const value = field(row, 'bbox', place, path);
  if (Array.isArray(value) && value.length === 4 && value.every((side) => Number.isFinite(side))) return;
  throw broken(path, `${place}.bbox must be four numbers [x, y, width, height]`, describe(value));
}
