import type { BaseRunner } from '../runner/baseRunner.ts';
import { saveCheckpoint, type StatefulModel } from '../runner/checkpoint.ts';

/**
 * Save where a run ended before its last epoch, so that it can be resumed, unless the run itself has written the same state to
 * the same file. One that lay in the work dir before is written over.
 */
export async function saveStopped(runner: BaseRunner, model: StatefulModel): Promise<void> {
  const { fs, workDir } = runner;
  const position = runner.position();
  const { epoch, iter, innerIter } = position;
  const atEpochEnd = runner.maxEpochs !== undefined && innerIter === 0;
  const filename = atEpochEnd ? `epoch_${epoch}.pth` : `iter_${iter}.pth`;
  const path = `${workDir}/${filename}`;
  // A hook may have deleted it again.
  if (runner.hasSaved(path, position) && (await fs.stat(path))) return;
  const saved = await saveCheckpoint(runner, model, {
    filename,
    outDir: workDir,
    saveOptimizer: true,
    position,
    metaPosition: position,
  });
  runner.logger.info(`Stopped after ${iter} iterations; saved ${saved.path}`);
  runner.onEvent({ name: 'run.checkpointed', ...saved, epoch, iter, removed: [] });
}
