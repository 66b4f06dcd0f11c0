import { CheckpointError, ConfigError, StorageError } from '../errors/trainerError.ts';
import type { StateTensor } from '../nn/parameter.ts';
import type { LoadReport } from '../nn/stateDict.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import { isFloatOption } from '../optim/floatOptions.ts';
import type { OptimizerStateDict, StateValue } from '../optim/optimizerState.ts';
import { fileSource } from '../serialization/zip/byteSource.ts';
import { crc32 } from '../serialization/zip/crc32.ts';
import {
  bytesOf,
  findStateDict,
  metaOf,
  OrderedMap,
  PyFloat,
  readPth,
  toFloat32,
  TorchTensor,
  verifyPth,
  writePth,
  type PthValue,
  type TorchDtype,
} from '../serialization/pth/index.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import { Tuple } from '../util/tuple.ts';
import { statCheckpoint } from './checkpointFile.ts';
import type { BaseRunner } from './baseRunner.ts';
import type { RunnerMeta, RunPosition } from './runnerTypes.ts';
import { partialName } from './partialFile.ts';
import type { LoadedCheckpoint } from './loadedCheckpoint.ts';
import { isPlainPth, plainPth } from './plainPth.ts';
import { previousGpuCount } from './previousGpus.ts';
import { applyConfigured, differenceTexts, optionDifferences } from './resumedOptions.ts';
import { rescalePosition, savedItersPerEpoch } from './resumedProgress.ts';
import { saveOrPause } from './saveOrPause.ts';
import { collectOwnMeta, restoreHooks, resumePlaceOf, type OwnMeta, type WritingStage } from './ownMeta.ts';

/** A model that can be saved and loaded; `nn/Module` is one. */
export interface StatefulModel {
  stateDict(): Promise<ReadonlyMap<string, StateTensor>>;
  loadStateDict(state: ReadonlyMap<string, TorchTensor>, options?: { strict?: boolean }): LoadReport;
}

export interface SaveOptions {
  /** File name inside the work dir, such as `epoch_1.pth`. */
  filename: string;
  outDir: string;
  saveOptimizer: boolean;
  /** Where a run that is resumed from the file goes on. */
  position: RunPosition;
  /** Set by a hook that saves in a stage: the hooks behind it are called when the run is resumed. */
  writer?: WritingStage;
  /**
   * `meta.epoch` and `meta.iter`. Default: MMCV's, the runner's epoch + 1 and its iteration, which inside an
   * iteration is one less than the position's.
   */
  metaPosition?: { readonly epoch: number; readonly iter: number };
  meta?: Readonly<Record<string, unknown>>;
  /** Point `latest.pth` (or `last_checkpoint`) to the file. Default true. */
  link?: boolean;
}

export interface SavedCheckpoint {
  readonly path: string;
  readonly bytes: number;
  /** CRC-32 over the little-endian bytes of all tensors of the state dict, in order; 8 hex digits. */
  readonly crc32: string;
  /** Names of tensors of the state dict with values that are NaN or infinite; absent when there are none. */
  readonly notFinite?: readonly string[];
}

/**
 * Write a PyTorch checkpoint `{meta, state_dict, optimizer}` as MMCV does. It is written under a temporary
 * name, read back and checked, then renamed: a crash at any byte leaves the last good file. The
 * fingerprint it comes with is taken before writing, so that any reader can compare. Where a person looks on, a
 * storage that refuses pauses the run until Resume.
 * @throws StorageError when it can't be written; nothing half-written stays
 * Source: mmcv 1.7.2 `runner/checkpoint.py` save_checkpoint. Differs: where the storage holds no links (a
 * browser's), `last_checkpoint` (a text file with the newest path, as MMEngine writes) stands for `latest.pth`.
 */
export async function saveCheckpoint(
  runner: BaseRunner,
  model: StatefulModel,
  options: SaveOptions,
): Promise<SavedCheckpoint> {
  const path = `${options.outDir}/${options.filename}`;
  return saveOrPause(runner, `the checkpoint ${path}`, () => writeCheckpoint(runner, model, options));
}

async function writeCheckpoint(
  runner: BaseRunner,
  model: StatefulModel,
  options: SaveOptions,
): Promise<SavedCheckpoint> {
  await runner.claimWorkDir();
  const { filename, outDir, position } = options;
  const { epoch, iter } = options.metaPosition ?? { epoch: runner.epoch + 1, iter: runner.iter };
  const state = new OrderedMap<string, PthValue>();
  // A fingerprint of what the GPU held, taken before anything is written.
  let crc = 0;
  const notFinite: string[] = [];
  for (const [name, tensor] of await model.stateDict()) {
    const entry = toTorch(tensor);
    crc = crc32(bytesOf(entry.data), crc);
    if (!isFiniteTensor(entry)) notFinite.push(name);
    state.set(name, entry);
  }
  const { tabtrain: own, ...meta } = runner.meta;
  const content: Record<string, unknown> = {
    meta: {
      ...options.meta,
      ...meta,
      epoch,
      iter,
      mmcv_version: '1.7.2',
      time: asctime(new Date()),
      ...(runner.model.CLASSES && { CLASSES: Tuple.of(...runner.model.CLASSES) }),
      tabtrain: await collectOwnMeta(runner, own, position, options.writer ?? null),
    },
    state_dict: state,
  };
  if (options.saveOptimizer && runner.optimizer)
    content.optimizer = optimizerToPth(await runner.optimizer.stateDict());
  const path = `${outDir}/${filename}`;
  // Renaming would replace a folder with all in it.
  if ((await runner.fs.stat(path))?.kind === 'directory')
    throw new StorageError(`a checkpoint is saved as ${path}, but a folder of that name is there`, {
      code: 'not-a-file',
      path,
      hint: 'rename the folder, or choose another checkpoint_config.filename_tmpl',
    });
  const partial = `${outDir}/${partialName(filename)}`;
  const writer = await runner.fs.createWriter(partial);
  let bytes: number;
  try {
    ({ bytes } = await writePth(content as PthValue, writer));
    await writer.close();
    await verifyPth(fileSource(runner.fs, partial, bytes));
    await runner.fs.rename(partial, path);
  } catch (error) {
    await writer.abort().catch(() => undefined);
    await runner.fs.remove(partial).catch(() => undefined);
    throw error;
  }
  runner.noteSaved(path, position, options.saveOptimizer);
  if (options.link !== false && !(await runner.fs.link?.(filename, `${outDir}/latest.pth`)))
    await runner.fs.writeFile(`${outDir}/last_checkpoint`, `${path}\n`);
  if (notFinite.length > 0)
    runner.logger.warning(
      `${path} holds weights that are NaN or infinite, in ${notFinite.length} of ${state.size} tensors: ${notFinite.slice(0, 3).join(', ')}${notFinite.length > 3 ? ', …' : ''}`,
    );
  return {
    path,
    bytes,
    crc32: crc.toString(16).padStart(8, '0'),
    ...(notFinite.length > 0 && { notFinite }),
  };
}

/** Whether a tensor holds no NaN and no infinity; whole numbers can't. */
export function isFiniteTensor({ data }: Pick<TorchTensor, 'data'>): boolean {
  if (!(data instanceof Float32Array || data instanceof Float64Array)) return true;
  // 0 times anything finite is 0, times the others NaN.
  let sum = 0;
  for (const value of data) sum += value * 0;
  return sum === 0;
}

/**
 * Read a checkpoint: `{state_dict, meta, optimizer}`, a bare state dict, or one under a key of other trainers (`model`, `ema`); a
 * TensorFlow.js graph model of NanoDet-g.
 * @throws CheckpointError when it is missing, damaged, unsafe, another kind of file, or holds no state dict
 */
export async function readCheckpoint(fs: FileSystem, path: string): Promise<LoadedCheckpoint> {
  const stat = await statCheckpoint(fs, path);
  let root: PthValue;
  try {
    if (path.endsWith('.json')) {
      const { readGraphCheckpoint } = await import('./graphCheckpoint.ts');
      const graph = await readGraphCheckpoint(fs, path);
      if (graph) return graph;
    }
    root = await readPth(fileSource(fs, path, stat.bytes));
  } catch (error) {
    throw withPath(error, path);
  }
  const { stateDict, path: place, others } = findStateDict(root, path);
  return {
    meta: metaOf(root),
    stateDict,
    optimizer: root instanceof Map ? root.get('optimizer') : undefined,
    notes: notesOn(path, place, others),
  };
}

/** What is to be told of a file whose weights are not where MMCV puts them. */
function notesOn(path: string, place: readonly string[], others: readonly string[]): string[] {
  if (place.length === 0 || place.join('.') === 'state_dict') return [];
  const beside = others.length === 0 ? '' : ` (${others.join(', ')} holds weights too)`;
  return [`the weights of ${path} were read from its key '${place.join('.')}'${beside}`];
}

export interface ResumeOptions {
  /** The file's content, where it has been read already. */
  readonly loaded?: LoadedCheckpoint;
  /** Whose options the optimizer goes on with; its state is the checkpoint's. Default: the checkpoint's, as in MMCV. */
  readonly optimizerOptions?: 'checkpoint' | 'config';
  /** Of this run; default: the runner's, which knows it once it runs. */
  readonly itersPerEpoch?: number;
  readonly batchSize?: number;
}

/**
 * Put a run back where a checkpoint left it: weights, epoch, iteration, optimizer, hooks.
 * Source: mmcv 1.7.2 `base_runner.py` resume; mid-epoch positions are ours (`meta.tabtrain.position`).
 */
export async function resumeRun(
  runner: BaseRunner,
  model: StatefulModel,
  path: string,
  options: ResumeOptions = {},
): Promise<void> {
  const { meta, stateDict, optimizer, notes } = options.loaded ?? (await readCheckpoint(runner.fs, path));
  const epoch = meta.get('epoch');
  const iter = meta.get('iter');
  if (typeof epoch !== 'number' || typeof iter !== 'number') {
    throw new CheckpointError(
      `a run can only be resumed from a checkpoint with meta.epoch and meta.iter, but ${path} has neither`,
      {
        code: 'no-position',
        path,
        hint: 'to start a new run from its weights, use load_from',
      },
    );
  }
  for (const hook of runner.hooks) hook.beforeResume(runner);
  const { warnings } = model.loadStateDict(stateDict);
  for (const warning of [...notes, ...warnings]) runner.logger.warning(warning);
  const own = plainPth(meta.get('tabtrain')) as OwnMeta | undefined;
  if (optimizer !== undefined) {
    if (!runner.optimizer)
      throw new ConfigError('the checkpoint has an optimizer, but the run has none', {
        code: 'no-optimizer',
        path: 'optimizer',
      });
    const saved = optimizerFromPth(optimizer, path);
    loadOptimizer(runner.optimizer, saved, path);
    chooseOptions(runner, runner.optimizer, saved, own, options.optimizerOptions ?? 'checkpoint');
  }
  const at = own?.position ?? { epoch, iter, inner_iter: 0 };
  runner.restorePosition({ epoch: at.epoch, iter: at.iter, innerIter: at.inner_iter }, resumePlaceOf(own));
  runner.restoreMeta(plainMeta(runner, meta));
  restoreHooks(runner, own);
  keepProgress(runner, own, options);
  runner.logResumed();
}

/** Tell which of the config's options the checkpoint's displace, or let the config's displace those. */
function chooseOptions(
  runner: BaseRunner,
  optimizer: Optimizer,
  saved: OptimizerStateDict,
  own: OwnMeta | undefined,
  winner: 'checkpoint' | 'config',
): void {
  const configured = runner.optionsAtStart ?? [];
  const savedStart = own?.optimizer_options ?? null;
  const hasHook = (name: string): boolean => runner.hooks.some(({ hookName }) => hookName === name);
  const isMovedStart = {
    lr: hasHook('OneCycleLrUpdaterHook'),
    momentum: hasHook('OneCycleMomentumUpdaterHook'),
  };
  const differences = optionDifferences(configured, savedStart, saved.param_groups, isMovedStart);
  if (winner === 'config') applyConfigured(optimizer, differences);
  else {
    for (const text of differenceTexts(differences, configured.length)) runner.logger.warning(text);
    // What later checkpoints tell is what the run goes on with.
    if (savedStart) runner.optionsAtStart = savedStart;
  }
}

/** Another batch size, or a data set that has grown: progress is kept by epochs. */
function keepProgress(
  runner: BaseRunner,
  own: OwnMeta | undefined,
  { itersPerEpoch: now = runner.itersPerEpoch, batchSize }: ResumeOptions,
): void {
  // Where iterations are counted, epochs are none of its business.
  if (now === 0 || runner.maxEpochs === undefined) return;
  const position = runner.resumedPosition;
  const before = savedItersPerEpoch(position, own?.iters_per_epoch ?? null);
  if (before === null || before === now) return;
  if (own?.iters_per_epoch === undefined && isOfSeveralGpus(runner, position, now)) return;
  const rescaled = rescalePosition(position, before, now);
  runner.rescaleResumed(rescaled);
  const pictures = (n: number | undefined): string => (n === undefined ? '' : ` (${n} pictures each)`);
  runner.logger.warning(
    `an epoch had ${before} iterations${pictures(own?.batch_size)} when the checkpoint was written, now it has ${now}${pictures(batchSize)}: ` +
      `progress is kept by epochs, iteration ${position.iter} becomes ${rescaled.iter}`,
  );
}

/** What MMCV makes of the iterations of a run on several GPUs differs by each epoch's rounding up to whole batches only. */
function isOfSeveralGpus(runner: BaseRunner, { epoch, iter }: RunPosition, now: number): boolean {
  const gpus = previousGpuCount(runner.meta.config) ?? 1;
  return gpus > 1 && Math.abs(iter - epoch * now) <= epoch * gpus;
}

/** What a run can carry on of a checkpoint's meta: everything but values that a later checkpoint couldn't hold. */
function plainMeta(runner: BaseRunner, meta: ReadonlyMap<string, PthValue>): RunnerMeta {
  const entries = [...meta].map(([key, value]) => [key, plainPth(value)] as const);
  const lost = entries.filter(([key, value]) => key !== 'tabtrain' && !isPlainPth(value));
  if (lost.length > 0)
    runner.logger.warning(
      `the checkpoint's meta has values that are no plain data, later checkpoints won't have them: ${lost.map(([key]) => key).join(', ')}`,
    );
  return Object.fromEntries(entries.filter(([, value]) => isPlainPth(value)));
}

/** @throws CheckpointError with the file's path */
function loadOptimizer(optimizer: Optimizer, state: OptimizerStateDict, path: string): void {
  try {
    optimizer.loadStateDict(state);
  } catch (error) {
    throw withPath(error, path);
  }
}

function withPath(error: unknown, path: string): unknown {
  if (!(error instanceof CheckpointError) || error.path !== undefined) return error;
  return error.with({ path });
}

function toTorch({ shape, dtype, data }: StateTensor): TorchTensor {
  // Modules and optimizers hold only dtypes that PyTorch has, in the arrays TorchTensor wants; it checks.
  return new TorchTensor({ shape, dtype: dtype as TorchDtype, data: data as TorchTensor['data'] });
}

/** An optimizer's state as it goes into the file. */
function optimizerToPth({ state, param_groups: groups }: OptimizerStateDict): PthValue {
  const saved = new Map<number, PthValue>();
  for (const [index, entries] of state) {
    const values = new Map<string, PthValue>();
    for (const [key, value] of entries) values.set(key, stateToPth(value));
    saved.set(index, values);
  }
  return new Map<string, PthValue>([
    ['state', saved],
    ['param_groups', groups.map((group) => markFloats(group) as PthValue)],
  ]);
}

/** Whole numbers among a group's options that are floats in Python, marked as such. */
function markFloats(group: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const marked = (value: unknown): unknown => {
    if (Array.isArray(value)) return Tuple.of<unknown>(...value.map(marked));
    return Number.isInteger(value) ? new PyFloat(Number(value)) : value;
  };
  return Object.fromEntries(
    Object.entries(group).map(([key, value]) => [key, isFloatOption(key, value) ? marked(value) : value]),
  );
}

function stateToPth(value: StateValue): PthValue {
  if (value === null || typeof value === 'number') return value;
  return 'data' in value ? toTorch(value) : value.map(stateToPth);
}

/** What an optimizer's state can hold; undefined for anything else. */
function stateFromPth(value: PthValue): StateValue | undefined {
  if (typeof value === 'number' || value === null) return value;
  // PyTorch casts an optimizer's state to its parameter's dtype, which is float32 here.
  if (value instanceof TorchTensor)
    return { shape: value.shape, dtype: 'float32', data: toFloat32(value.dtype, value.data) };
  if (Array.isArray(value)) return value.map((item) => stateFromPth(item) ?? null);
  return undefined;
}

/** @throws CheckpointError when the file's optimizer is of another shape than PyTorch's */
function optimizerFromPth(value: PthValue, path: string): OptimizerStateDict {
  const state = value instanceof Map ? value.get('state') : undefined;
  const groups = value instanceof Map ? value.get('param_groups') : undefined;
  if (!(state instanceof Map) || !Array.isArray(groups)) {
    throw new CheckpointError(`the optimizer in ${path} must hold state and param_groups, but doesn't`, {
      code: 'optimizer-mismatch',
      path,
      hint: 'checkpoints of several optimizers are not supported; load_from takes the weights only',
    });
  }
  const restored: OptimizerStateDict['state'] = new Map();
  for (const [index, entries] of state) {
    const values = new Map<string, StateValue>();
    if (entries instanceof Map) {
      for (const [key, entry] of entries) {
        const state = stateFromPth(entry);
        if (state !== undefined) values.set(String(key), state);
      }
    }
    restored.set(Number(index), values);
  }
  return {
    state: restored,
    param_groups: groups.map((group) => plainPth(group as PthValue) as Record<string, unknown>),
  };
}

/** Python's time.asctime: `Mon Nov 23 16:01:02 2026`. */
function asctime(date: Date): string {
  const [day, month, dayOfMonth, year, time] = date.toString().split(' ');
  return `${day} ${month} ${String(Number(dayOfMonth)).padStart(2)} ${time} ${year}`;
}
