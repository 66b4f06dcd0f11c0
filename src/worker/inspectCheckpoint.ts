import { CheckpointError } from '../errors/trainerError.ts';
import { readPth, TorchTensor } from '../serialization/pth/index.ts';
import { fileSource } from '../serialization/zip/index.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import type { ParameterRow } from './protocol.ts';

/** List the tensors of a checkpoint's state dict, in its order. @throws CheckpointError */
export async function inspectCheckpoint(fs: FileSystem, path: string): Promise<ParameterRow[]> {
  const stat = await fs.stat(path);
  if (!stat) throw new CheckpointError(`${path} is not there any more`, { code: 'not-found', path });
  const root = await readPth(fileSource(fs, path, stat.bytes));
  const inner = root instanceof Map ? (root.get('state_dict') ?? root) : root;
  if (!(inner instanceof Map)) {
    throw new CheckpointError(`${path} must hold a state dict`, { code: 'no-state-dict', path });
  }
  const rows: ParameterRow[] = [];
  for (const [name, value] of inner) {
    if (value instanceof TorchTensor)
      rows.push({ name: String(name), shape: value.shape, dtype: value.dtype });
  }
  return rows;
}
