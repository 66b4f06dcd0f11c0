// The checkpoints that lie in work dirs.

import type { FileSystem } from '../contracts/fileSystem.ts';

/**
 * The checkpoints of a work dir that a run can go on from, the newest first: what `latest.pth` or `last_checkpoint`
 * names, then the `.pth` files with a number at their end, never one of the best. Among `epoch_*` (and among `iter_*`)
 * the number counts, between the two when they were written.
 * Source: mmdet 2.28.2 `utils/misc.py` find_latest_checkpoint, which compares numbers of epochs with those of iterations.
 */
export async function checkpointsOf(fs: FileSystem, workDir: string): Promise<string[]> {
  if ((await fs.stat(workDir))?.kind !== 'directory') return [];
  const linked = await linkedCheckpoint(fs, workDir);
  const byKind = new Map<string, { path: string; count: number; modifiedMs: number }[]>();
  for (const { name, kind } of await fs.list(workDir)) {
    const [, prefix, digits] = /^(.*)_(\d+)\.pth$/.exec(name) ?? [];
    if (kind !== 'file' || name.startsWith('best_') || prefix === undefined) continue;
    const path = `${workDir}/${name}`;
    const { modifiedMs } = (await fs.stat(path)) ?? { modifiedMs: 0 };
    byKind.set(prefix, [...(byKind.get(prefix) ?? []), { path, count: Number(digits), modifiedMs }]);
  }
  const groups = [...byKind.values()].map((group) => group.sort((a, b) => a.count - b.count));
  const found = linked === null ? [] : [linked];
  for (;;) {
    const heads = groups.filter((group) => group.length > 0);
    heads.sort((a, b) => (b.at(-1)?.modifiedMs ?? 0) - (a.at(-1)?.modifiedMs ?? 0));
    const next = heads[0]?.pop();
    if (!next) return found;
    if (next.path !== linked) found.push(next.path);
  }
}

async function linkedCheckpoint(fs: FileSystem, workDir: string): Promise<string | null> {
  const exists = async (path: string): Promise<boolean> => (await fs.stat(path))?.kind === 'file';
  const target = await fs.readLink?.(`${workDir}/latest.pth`);
  for (const path of [target && `${workDir}/${target}`, `${workDir}/latest.pth`])
    if (path && (await exists(path))) return path;
  if (!(await exists(`${workDir}/last_checkpoint`))) return null;
  const named = (await fs.readText(`${workDir}/last_checkpoint`)).trim();
  // The folder may have been moved since.
  for (const path of [named, `${workDir}/${named.split('/').at(-1) ?? ''}`])
    if (await exists(path)) return path;
  return null;
}

/** The best checkpoints of a work dir (`best_bbox_mAP_epoch_9.pth`), the newest first. */
export async function bestCheckpointsOf(fs: FileSystem, workDir: string): Promise<string[]> {
  if ((await fs.stat(workDir))?.kind !== 'directory') return [];
  const best: { readonly path: string; readonly modifiedMs: number }[] = [];
  for (const { name, kind } of await fs.list(workDir)) {
    if (kind !== 'file' || !/^best_.*\.pth$/.test(name)) continue;
    const path = `${workDir}/${name}`;
    best.push({ path, modifiedMs: (await fs.stat(path))?.modifiedMs ?? 0 });
  }
  return best.sort((a, b) => b.modifiedMs - a.modifiedMs).map(({ path }) => path);
}

/** The checkpoints of a work dir in the order in which its run goes on from them: the best ones only behind all others. */
export async function* ownCheckpoints(fs: FileSystem, workDir: string): AsyncGenerator<string> {
  yield* await checkpointsOf(fs, workDir);
  yield* await bestCheckpointsOf(fs, workDir);
}

/**
 * The checkpoints of a config's runs, for `auto_resume = True`: the newest run's first, each run's newest first.
 * @param workDir of the run that begins; looked into first, then the other runs beside it, the newest first
 */
export async function* checkpointsToResume(fs: FileSystem, workDir: string): AsyncGenerator<string> {
  yield* await checkpointsOf(fs, workDir);
  const parent = workDir.split('/').slice(0, -1).join('/');
  for await (const path of checkpointsOfRuns(fs, parent)) if (!path.startsWith(`${workDir}/`)) yield path;
}

/** The checkpoints of the runs in a folder, the newest run's first, each run's newest first. */
export async function* checkpointsOfRuns(fs: FileSystem, folder: string): AsyncGenerator<string> {
  if ((await fs.stat(folder))?.kind !== 'directory') return;
  const runs = (await fs.list(folder))
    .filter(({ name, kind }) => kind === 'directory' && /^\d{8}_\d{6}/.test(name))
    .map(({ name }) => `${folder}/${name}`)
    .sort()
    .reverse();
  for (const path of runs) yield* await checkpointsOf(fs, path);
}
