import { ConfigError, RunError } from '../errors/trainerError.ts';
import { plainRepr } from '../lang/plainRepr.ts';
import { onIdle } from '../gpu/index.ts';
import { hookKeys } from './hookKeys.ts';
import { type GenericStage, Hook, STAGES, type Stage } from './hooks/hook.ts';
import { getPriority, priorityLabel } from './priority.ts';
import { QueuePace } from './queuePace.ts';
import type { ArgSpec } from '../registry/argSpec.ts';
import { RUNNER_ARGS } from './runnerArgs.ts';
import { saveOrPause } from './saveOrPause.ts';
import type { BatchLoader, Mode, OpenStage, RunnerMeta, RunPosition, Workflow } from './runnerTypes.ts';
import { RunState } from './runState.ts';
import { at as itemAt } from '../util/at.ts';

/** Steps whose losses may wait on the GPU for a logger. */
const MAX_PENDING_STEPS = 500;

interface RegisteredHook {
  readonly hook: Hook;
  readonly priority: number;
}

/**
 * Everything the two runners share: {@link RunState}, hooks, and their order.
 * Source: mmcv 1.7.2 `runner/base_runner.py`.
 */
export abstract class BaseRunner extends RunState {
  static readonly args: ArgSpec = RUNNER_ARGS;
  readonly #pace = new QueuePace();
  #hooks: RegisteredHook[] = [];
  #hasTrained = false;

  /**
   * @param loaders one per workflow entry, in order
   * @param workflow `[['train', 1]]`
   */
  abstract run(loaders: readonly BatchLoader[], workflow: Workflow): Promise<void>;

  /** The file that a checkpoint made now gets, such as `epoch_3.pth`. @param template as Python's `str.format` takes it */
  abstract checkpointName(template?: string): string;

  /** Where a run goes on that is stopped now, between two iterations. */
  abstract position(): RunPosition;

  /** The same inside `afterTrainIter`, before the counters move. */
  abstract positionAfterIter(): RunPosition;

  /**
   * Take over what a checkpoint's meta tells, behind {@link restorePosition}.
   * @param meta plain; its `tabtrain` is not for the runner
   */
  abstract restoreMeta(meta: RunnerMeta): void;

  /** Say where a resumed run goes on. */
  abstract logResumed(): void;

  get hooks(): readonly Hook[] {
    return this.#hooks.map((h) => h.hook);
  }

  /** The priority a registered hook runs with. */
  priorityOf(hook: Hook): number | undefined {
    return this.#hooks.find((h) => h.hook === hook)?.priority;
  }

  /**
   * Add a hook behind those of the same or a higher priority.
   * @throws ConfigError `duplicate-hook` when this very object is registered already
   */
  registerHook(hook: Hook, priority: unknown = 'NORMAL'): void {
    if (!(hook instanceof Hook)) {
      throw new ConfigError(`a hook must extend Hook, but got ${typeof hook}`, {
        code: 'not-a-hook',
        hint: "import { Hook } from 'tabtrain' and write class MyHook extends Hook",
      });
    }
    if (this.#hooks.some((h) => h.hook === hook)) {
      throw new ConfigError(`a hook can be registered once, but this ${hook.hookName} already is`, {
        code: 'duplicate-hook',
      });
    }
    const value = getPriority(priority);
    let at = this.#hooks.length;
    while (at > 0 && value < itemAt(this.#hooks, at - 1).priority) at -= 1;
    this.#hooks.splice(at, 0, { hook, priority: value });
  }

  /** Call one stage of every hook, in order of priority. */
  async callHook(stage: Stage | GenericStage): Promise<void> {
    for (const { hook } of this.#hooks) {
      this.control.doing(() => hook.describeWait(stage));
      await hook[stage](this);
    }
    this.control.doing(null);
  }

  /** Call a stage of the hooks behind the one that wrote the checkpoint: what the killed run had still to do. */
  protected async finishStage({ stage, behind }: OpenStage): Promise<void> {
    const { hooks } = this;
    const writer = hookKeys(hooks).get(behind);
    // A config without that hook: nobody knows which ones have been called.
    if (!writer) return;
    for (const hook of hooks.slice(hooks.indexOf(writer) + 1)) await hook[stage](this);
  }

  /** The table of hooks that the log starts with, in MMCV's format. */
  getHookInfo(): string {
    const sections: string[] = [];
    for (const stage of STAGES) {
      const lines = this.#hooks
        .filter(({ hook }) => hook.getTriggeredStages().includes(stage))
        .map(({ hook, priority }) => `(${priorityLabel(priority).padEnd(12)}) ${hook.hookName.padEnd(35)}`);
      if (lines.length === 0) continue;
      sections.push(`${toSnake(stage)}:\n${lines.join('\n')}\n -------------------- `);
    }
    return sections.join('\n');
  }

  /** Let the hooks of a resumed run see its training loader before anything goes on. */
  protected async tellResumed(loader: BatchLoader): Promise<void> {
    if (!this.resumePlace) return;
    this.dataLoader = loader;
    for (const { hook } of this.#hooks) await hook.afterResume(this);
  }

  /** Log what MMCV's runners say before they start. */
  protected logStart(workflow: Workflow, max: string): void {
    const text = workflow.map(([mode, times]) => `('${mode}', ${times})`).join(', ');
    this.logger.info(`Start running, host: ${this.host}, work_dir: ${this.workDir}`);
    this.logger.info(`Hooks will be executed in the following order:\n${this.getHookInfo()}`);
    this.logger.info(`workflow: [${text}], max: ${max}`);
  }

  /** One step of the model in the current mode; its losses go to the log buffer. */
  protected async step(batch: unknown): Promise<void> {
    this.control.doing(() => 'compiling the step');
    await this.model.prepareStep?.(batch as never);
    this.control.doing(null);
    this.outputs =
      this.mode === 'train' ? this.model.trainStep(batch as never) : this.model.valStep(batch as never);
    this.logBuffer.updateLogVars(this.outputs.logVars, this.outputs.numSamples);
    // A run without a logger, or with a huge interval, must not keep a tensor for every step.
    if (this.logBuffer.pendingSteps >= MAX_PENDING_STEPS) await this.logBuffer.resolve();
    await this.#pace.add(onIdle());
  }

  /** Hear "pause" and "stop". @returns true when the run must end */
  protected async heardStop(): Promise<boolean> {
    if (this.mode === 'train' && !this.#hasTrained) {
      this.#hasTrained = true;
      await saveOrPause(this, `the record of the run in ${this.workDir}`, this.claimWorkDir);
    }
    this.stopped ||= await this.control.checkpoint();
    return this.stopped;
  }
}

/**
 * Check a workflow against its loaders.
 * @throws ConfigError `bad-workflow`; RunError when it would never end
 */
export function checkWorkflow(workflow: Workflow, loaders: readonly BatchLoader[]): [Mode, number][] {
  if (workflow.length !== loaders.length) {
    throw new ConfigError(
      `workflow must have one entry per data loader, but has ${workflow.length} for ${loaders.length}`,
      {
        code: 'bad-workflow',
        path: 'workflow',
        hint: "workflow = [('train', 1), ('val', 1)] needs data.train and data.val",
      },
    );
  }
  const flow = workflow.map(([mode, times]): [Mode, number] => {
    if (mode === 'train' || mode === 'val') return [mode, times];
    throw new ConfigError(`workflow modes must be 'train' or 'val', but got ${plainRepr(mode)}`, {
      code: 'bad-workflow',
      path: 'workflow',
    });
  });
  if (!flow.some(([mode, times]) => mode === 'train' && times > 0)) {
    throw new RunError('workflow must contain a train step, or the run would never end', {
      code: 'bad-workflow',
      path: 'workflow',
    });
  }
  return flow;
}

function toSnake(name: string): string {
  return name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
}
