import {
  declareArgs,
  absent,
  dict,
  flag,
  int,
  optional,
  orNone,
  str,
  withDefaults,
  type ArgsOf,
} from '../../registry/args/index.ts';
import type { ArgSpec } from '../../registry/argSpec.ts';
import type { BuildContext } from '../../registry/buildContext.ts';
import { HOOKS } from '../../registry/registries.ts';
import type { BaseRunner } from '../baseRunner.ts';
import type { RunPosition } from '../runnerTypes.ts';
import { saveCheckpoint, type StatefulModel } from '../checkpoint.ts';
import { formatFilename } from '../filenameTmpl.ts';
import { removeOwn } from '../ownCheckpoint.ts';
import { sweepPartials } from '../partialFile.ts';
import { Hook, type HookState } from './hook.ts';
import { checkpointDir } from './outDir.ts';

/** A checkpoint's file that nobody has written to for so long is a killed run's. */
const SURELY_LEFT_MS = 3_600_000;

const ARGS = declareArgs({
  interval: optional(int, -1, 'How often to save; -1: never.', 'epochs, or iterations without by_epoch'),
  by_epoch: optional(flag, true, 'Whether interval counts epochs; an IterBasedRunner says False.'),
  save_optimizer: optional(flag, true, "Save the optimizer's state, which resuming needs."),
  out_dir: optional(orNone(str), null, 'Another folder than the work dir, whose last part is appended.'),
  max_keep_ckpts: optional(int, -1, 'How many are kept; -1: all.', 'checkpoints'),
  save_last: optional(flag, true, 'Save after the last epoch or iteration, whatever the interval.'),
  meta: absent(orNone(dict), "Added to each checkpoint's meta."),
  filename_tmpl: absent(str, "Python's format text for the number: epoch_{:03d}.pth."),
  create_symlink: optional(flag, true, 'Keep latest.pth pointing to the newest.'),
  sync_buffer: optional(flag, false, 'Without effect: there is one device.'),
  file_client_args: optional(
    orNone(dict),
    null,
    'Without effect: checkpoints go to the storage of the work dir.',
  ),
});

/**
 * Saves a checkpoint every `interval` epochs or iterations.
 * Source: mmcv 1.7.2 `hooks/checkpoint.py`. Differs: `sync_buffer` and `file_client_args` have nothing to do here.
 */
export class CheckpointHook extends Hook {
  static readonly args: ArgSpec = ARGS;
  readonly interval: number;
  readonly byEpoch: boolean;
  readonly #saveOptimizer: boolean;
  readonly #maxKeep: number;
  readonly saveLast: boolean;
  readonly #meta: Readonly<Record<string, unknown>> | undefined;
  readonly #template: string | undefined;
  readonly #link: boolean;
  #outDir: string | null;
  /** Path of the newest, in MMCV's count; also while it is being written. */
  #last: string | null = null;
  /** Checkpoints of this run whose weights are not finite. */
  readonly #invalid = new Set<string>();

  /** @throws ConfigError `bad-value` for a filename_tmpl that can't take a number */
  constructor(args: ArgsOf<typeof ARGS> = {}, context?: BuildContext) {
    super();
    const all = withDefaults(ARGS, args);
    if (all.fileClientArgs)
      context?.services.warn(
        'checkpoint_config.file_client_args has nothing to choose: checkpoints go to the storage of the work dir',
      );
    this.interval = all.interval;
    this.byEpoch = all.byEpoch;
    this.#saveOptimizer = all.saveOptimizer;
    this.#outDir = all.outDir;
    this.#maxKeep = all.maxKeepCkpts;
    this.saveLast = all.saveLast;
    this.#meta = all.meta ?? undefined;
    this.#template = all.filenameTmpl;
    // A mistake in it is told before anything is trained.
    if (this.#template !== undefined) formatFilename(this.#template, 1);
    this.#link = all.createSymlink;
  }

  override describeWait(): string {
    return 'finishing the checkpoint';
  }

  override async beforeRun(runner: BaseRunner): Promise<void> {
    this.#outDir = checkpointDir(runner.workDir, this.#outDir);
    // The work dir itself is this run's alone; another folder may have runs that write now.
    if (this.#outDir !== runner.workDir) await sweepPartials(runner.fs, this.#outDir, SURELY_LEFT_MS);
  }

  override async afterTrainEpoch(runner: BaseRunner): Promise<void> {
    if (!this.byEpoch) return;
    if (this.everyNEpochs(runner, this.interval) || (this.saveLast && this.isLastEpoch(runner))) {
      runner.logger.info(`Saving checkpoint at ${runner.epoch + 1} epochs`);
      await this.#save(runner, runner.epoch + 1, {
        epoch: runner.epoch + 1,
        iter: runner.iter,
        innerIter: 0,
      });
    }
  }

  /** MMCV's meta in the file names the checkpoint before; a resumed run needs this one. */
  override stateDict(): HookState | undefined {
    return this.#last === null ? undefined : { last_ckpt: this.#last };
  }

  override loadStateDict({ last_ckpt: last }: HookState, runner: BaseRunner): void {
    if (typeof last !== 'string') return;
    this.#last = last;
    runner.meta.hook_msgs = { ...runner.meta.hook_msgs, last_ckpt: last };
  }

  override async afterTrainIter(runner: BaseRunner): Promise<void> {
    if (this.byEpoch) return;
    if (this.everyNIters(runner, this.interval) || (this.saveLast && this.isLastIter(runner))) {
      runner.logger.info(`Saving checkpoint at ${runner.iter + 1} iterations`);
      await this.#save(runner, runner.iter + 1, runner.positionAfterIter());
    }
  }

  async #save(runner: BaseRunner, current: number, position: RunPosition): Promise<void> {
    const outDir = this.#outDir ?? runner.workDir;
    const filename = runner.checkpointName(this.#template);
    // MMCV numbers by its own unit what it remembers and deletes, and lets the runner number what it writes. With
    // by_epoch=False in an EpochBasedRunner the two differ: last_ckpt names no file, and nothing is ever deleted.
    const template = this.#template ?? (this.byEpoch ? 'epoch_{}.pth' : 'iter_{}.pth');
    const pathOf = (count: number): string => `${outDir}/${formatFilename(template, count)}`;
    this.#last = pathOf(current);
    const saved = await saveCheckpoint(runner, runner.model as unknown as StatefulModel, {
      filename,
      outDir,
      saveOptimizer: this.#saveOptimizer,
      meta: this.#meta,
      link: this.#link,
      position,
      writer: { stage: this.byEpoch ? 'afterTrainEpoch' : 'afterTrainIter', hook: this },
    });
    runner.meta.hook_msgs = { ...runner.meta.hook_msgs, last_ckpt: this.#last };
    if (saved.notFinite) this.#invalid.add(this.#last);
    else this.#invalid.delete(this.#last);
    const removed = await this.#removeOld(runner, pathOf, current);
    runner.onEvent({
      name: 'run.checkpointed',
      ...saved,
      epoch: position.epoch,
      iter: position.iter,
      removed,
    });
  }

  /**
   * Delete what is older than the newest `max_keep_ckpts`, down to the first gap, as MMCV walks. Differs: those whose
   * weights are not finite don't count, and only what this program wrote is deleted.
   */
  async #removeOld(
    runner: BaseRunner,
    pathOf: (count: number) => string,
    current: number,
  ): Promise<string[]> {
    const removed: string[] = [];
    if (this.#maxKeep <= 0 || this.interval <= 0) return removed;
    let kept = 0;
    for (let step = current; step > 0; step -= this.interval) {
      const path = pathOf(step);
      const isInvalid = this.#invalid.has(path);
      if (isInvalid ? step === current : kept < this.#maxKeep) {
        if (!isInvalid) kept += 1;
        continue;
      }
      const outcome = await removeOwn(runner, path);
      if (outcome === 'absent') break;
      if (outcome === 'removed') removed.push(path);
    }
    return removed;
  }
}

HOOKS.registerModule()(CheckpointHook);
