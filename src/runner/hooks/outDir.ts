import { baseName, resolvePath } from '../../config/path.ts';

/**
 * Where a hook's checkpoints go: the work dir, or in another folder one with the work dir's name.
 * @param outDir nothing, or '' as nothing; with the work dir itself nothing is appended
 * @example checkpointDir('work_dirs/a', 'out') // 'out/a'
 * Source: mmcv 1.7.2 `hooks/checkpoint.py`, `hooks/evaluation.py`.
 */
export function checkpointDir(workDir: string, outDir: string | null | undefined): string {
  const whole = (path: string): string => resolvePath('', path);
  if (!outDir || whole(outDir) === whole(workDir)) return workDir;
  return `${outDir.replace(/(?<=.)\/+$/, '')}/${baseName(whole(workDir))}`;
}
