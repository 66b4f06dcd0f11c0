import { HOOKS } from '../../registry/registries.ts';
import type { BaseRunner } from '../baseRunner.ts';
import { saveCheckpoint, type StatefulModel } from '../checkpoint.ts';
import { Hook } from './hook.ts';

interface CheckpointHookArgs {
  /** Epochs (or iterations) between two checkpoints; -1: never. Default -1. */
  interval?: number;
  byEpoch?: boolean;
  saveOptimizer?: boolean;
  /** Another folder; the work dir's last part is appended. */
  outDir?: string | null;
  /** Keep this many; -1: all. */
  maxKeepCkpts?: number;
  /** Save after the last epoch or iteration whatever the interval. Default true. */
  saveLast?: boolean;
  /** Added to each checkpoint's meta. */
  meta?: Record<string, unknown>;
  filenameTmpl?: string;
}

/**
 * Saves a checkpoint every `interval` epochs or iterations.
 * Source: mmcv 1.7.2 `hooks/checkpoint.py`. Differs: `sync_buffer` and `file_client_args` have nothing to do here.
 */
export class CheckpointHook extends Hook {
  static readonly args = {
    optional: [
      'interval',
      'by_epoch',
      'save_optimizer',
      'out_dir',
      'max_keep_ckpts',
      'save_last',
      'meta',
      'filename_tmpl',
      'create_symlink',
      'sync_buffer',
      'file_client_args',
    ],
  };
  readonly #interval: number;
  readonly #byEpoch: boolean;
  readonly #saveOptimizer: boolean;
  readonly #maxKeep: number;
  readonly #saveLast: boolean;
  readonly #meta: Record<string, unknown> | undefined;
  readonly #template: string;
  #outDir: string | null;

  constructor(args: CheckpointHookArgs = {}) {
    super();
    this.#interval = args.interval ?? -1;
    this.#byEpoch = args.byEpoch ?? true;
    this.#saveOptimizer = args.saveOptimizer ?? true;
    this.#outDir = args.outDir ?? null;
    this.#maxKeep = args.maxKeepCkpts ?? -1;
    this.#saveLast = args.saveLast ?? true;
    this.#meta = args.meta;
    this.#template = args.filenameTmpl ?? (this.#byEpoch ? 'epoch_{}.pth' : 'iter_{}.pth');
  }

  override beforeRun(runner: BaseRunner): void {
    const base = runner.workDir.split('/').at(-1) ?? '';
    this.#outDir = this.#outDir === null ? runner.workDir : `${this.#outDir}/${base}`;
  }

  override async afterTrainEpoch(runner: BaseRunner): Promise<void> {
    if (!this.#byEpoch) return;
    if (this.everyNEpochs(runner, this.#interval) || (this.#saveLast && this.isLastEpoch(runner))) {
      runner.logger.info(`Saving checkpoint at ${runner.epoch + 1} epochs`);
      await this.#save(runner, runner.epoch + 1, {
        epoch: runner.epoch + 1,
        innerIter: 0,
        iter: runner.iter,
      });
    }
  }

  override async afterTrainIter(runner: BaseRunner): Promise<void> {
    if (this.#byEpoch) return;
    if (this.everyNIters(runner, this.#interval) || (this.#saveLast && this.isLastIter(runner))) {
      runner.logger.info(`Saving checkpoint at ${runner.iter + 1} iterations`);
      // The iteration just done counts: the position is where a resumed run goes on.
      const done = this.endOfEpoch(runner);
      await this.#save(runner, runner.iter + 1, {
        epoch: done ? runner.epoch + 1 : runner.epoch,
        innerIter: done ? 0 : runner.innerIter + 1,
        iter: runner.iter + 1,
      });
    }
  }

  async #save(
    runner: BaseRunner,
    current: number,
    position: { epoch: number; iter: number; innerIter: number },
  ): Promise<void> {
    const outDir = this.#outDir ?? runner.workDir;
    const filename = this.#template.replace('{}', String(current));
    const saved = await saveCheckpoint(runner, runner.model as unknown as StatefulModel, {
      filename,
      outDir,
      saveOptimizer: this.#saveOptimizer,
      meta: this.#meta,
      ...position,
    });
    runner.meta.hook_msgs = { ...runner.meta.hook_msgs, last_ckpt: saved.path };
    const removed = await this.#removeOld(runner, outDir, current);
    runner.onEvent({
      name: 'run.checkpointed',
      ...saved,
      epoch: position.epoch,
      iter: position.iter,
      removed,
    });
  }

  /** Delete what is older than the newest `max_keep_ckpts`, down to the first gap, as MMCV walks. */
  async #removeOld(runner: BaseRunner, outDir: string, current: number): Promise<string[]> {
    const removed: string[] = [];
    if (this.#maxKeep <= 0) return removed;
    for (let step = current - this.#maxKeep * this.#interval; step > 0; step -= this.#interval) {
      const path = `${outDir}/${this.#template.replace('{}', String(step))}`;
      if (!(await runner.fs.stat(path))) break;
      await runner.fs.remove(path);
      removed.push(path);
    }
    return removed;
  }
}

HOOKS.registerModule()(CheckpointHook);
