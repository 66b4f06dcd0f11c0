import type { FileSystem } from '../contracts/fileSystem.ts';

/**
 * The newest checkpoint of a work dir: what `latest.pth` or `last_checkpoint` names, else the `.pth` with the highest
 * number at its end; never one of the best.
 * @returns its path, or null when there is none
 * Source: mmdet 2.28.2 `utils/misc.py` find_latest_checkpoint.
 */
export async function findLatestCheckpoint(fs: FileSystem, workDir: string): Promise<string | null> {
  if ((await fs.stat(workDir))?.kind !== 'directory') return null;
  const exists = async (path: string): Promise<boolean> => (await fs.stat(path))?.kind === 'file';
  const target = await fs.readLink?.(`${workDir}/latest.pth`);
  for (const path of [target && `${workDir}/${target}`, `${workDir}/latest.pth`])
    if (path && (await exists(path))) return path;
  if (await exists(`${workDir}/last_checkpoint`)) {
    const named = (await fs.readText(`${workDir}/last_checkpoint`)).trim();
    // The folder may have been moved since.
    for (const path of [named, `${workDir}/${named.split('/').at(-1) ?? ''}`])
      if (await exists(path)) return path;
  }
  let latest: { path: string; count: number } | null = null;
  for (const { name, kind } of await fs.list(workDir)) {
    const count = Number(/_(\d+)\.pth$/.exec(name)?.[1] ?? NaN);
    if (kind !== 'file' || name.startsWith('best_') || Number.isNaN(count)) continue;
    if (!latest || count > latest.count) latest = { path: `${workDir}/${name}`, count };
  }
  return latest?.path ?? null;
}

/**
 * The newest checkpoint of a config's runs, for `auto_resume = True`.
 * @param workDir of the run that begins; looked into first, then the other runs beside it, the newest first
 * @returns null when no run has saved one
 */
export async function findRunToResume(fs: FileSystem, workDir: string): Promise<string | null> {
  const own = await findLatestCheckpoint(fs, workDir);
  if (own) return own;
  const parent = workDir.split('/').slice(0, -1).join('/');
  if ((await fs.stat(parent))?.kind !== 'directory') return null;
  const runs = (await fs.list(parent))
    .filter(({ name, kind }) => kind === 'directory' && /^\d{8}_\d{6}/.test(name))
    .map(({ name }) => name)
    .sort()
    .reverse();
  for (const name of runs) {
    const found = await findLatestCheckpoint(fs, `${parent}/${name}`);
    if (found) return found;
  }
  return null;
}
