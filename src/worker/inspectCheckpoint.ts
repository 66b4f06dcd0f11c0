import { CheckpointError } from '../errors/trainerError.ts';
import { findStateDict, readPth } from '../serialization/pth/index.ts';
import { fileSource } from '../serialization/zip/index.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import type { ParameterRow } from './protocol.ts';

/** List the tensors of a checkpoint's state dict, in its order. @throws CheckpointError */
export async function inspectCheckpoint(fs: FileSystem, path: string): Promise<ParameterRow[]> {
  const stat = await fs.stat(path);
  if (!stat) throw new CheckpointError(`${path} is not there any more`, { code: 'not-found', path });
  const root = await readPth(fileSource(fs, path, stat.bytes));
  const { stateDict } = findStateDict(root, path);
  return [...stateDict].map(([name, { shape, dtype }]) => ({ name, shape, dtype }));
}
