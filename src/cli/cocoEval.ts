// `tabtrain coco-eval GT.json DT.json`.

import { readFile } from 'node:fs/promises';
import { StorageError } from '../errors/trainerError.ts';
import { evaluateCocoBbox } from '../evaluation/cocoEval.ts';
import { repeatedIdMessage, faultyIds, zeroIdFinding } from '../formats/cocoIndex.ts';
import { readCocoDetections, readCocoGroundTruth } from '../evaluation/readCoco.ts';

/**
 * Evaluate a COCO results file.
 * @param warn told what is odd about the ground truth and makes pycocotools' numbers other than one expects
 * @returns pycocotools' twelve numbers as one JSON list; -1 where not defined
 * @throws StorageError `not-found`; DatasetError for a broken file or a detection on an unknown image
 * @example await cocoEval('gt.json', 'dt.json', console.error) // '[0.1448072450102153,0.42368969039761123,…]'
 */
export async function cocoEval(
  gtPath: string,
  dtPath: string,
  warn: (message: string) => void,
): Promise<string> {
  const gt = readCocoGroundTruth(await readText(gtPath), gtPath);
  const ids = Float64Array.from(gt.annotations, ({ id }) => id ?? NaN);
  const { repeated, hasZero } = faultyIds(ids);
  if (repeated.length > 0)
    warn(
      `${repeatedIdMessage(repeated, gtPath)}; pycocotools takes the last annotation of an id for all of them`,
    );
  if (hasZero) warn(zeroIdFinding(gtPath).message);
  const dt = readCocoDetections(await readText(dtPath), dtPath);
  return JSON.stringify(evaluateCocoBbox(gt, dt).stats);
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new StorageError(`the file must exist and be readable: ${path}`, {
      code: 'not-found',
      path,
      cause: error,
    });
  }
}
