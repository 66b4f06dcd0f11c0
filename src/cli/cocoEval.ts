// `tabtrain coco-eval GT.json DT.json`.

import { readFile } from 'node:fs/promises';
import { StorageError } from '../errors/trainerError.ts';
import { evaluateCocoBbox } from '../evaluation/cocoEval.ts';
import { readCocoDetections, readCocoGroundTruth } from '../evaluation/readCoco.ts';

/**
 * Evaluate a COCO results file.
 * @returns pycocotools' twelve numbers as one JSON list; -1 where not defined
 * @throws StorageError `not-found`; DatasetError for a broken file or a detection on an unknown image
 * @example await cocoEval('gt.json', 'dt.json') // '[0.1448072450102153,0.42368969039761123,…]'
 */
export async function cocoEval(gtPath: string, dtPath: string): Promise<string> {
  const gt = readCocoGroundTruth(await readText(gtPath), gtPath);
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
