// hook_order.json, the kinds about whole sets of hooks: what a config registers, and when each class is called.

import { snakeToCamel } from '../../src/registry/argNames.ts';
import type { BuildContext } from '../../src/registry/buildContext.ts';
import { HOOKS } from '../../src/registry/registries.ts';
import { EvalHook } from '../../src/runner/hooks/evaluation.ts';
import { Hook } from '../../src/runner/hooks/hook.ts';
import { LrUpdaterHook } from '../../src/runner/hooks/lrUpdater.ts';
import { IterBasedRunner } from '../../src/runner/iterBasedRunner.ts';
import { registerTrainingHooks } from '../../src/plan/trainingHooks.ts';
import { decodeValue } from './compare.ts';
import { allOf, compare, makeContext, makeRig, type RunCase } from './hookOrderRig.ts';
import { failed, passed, type ParityOutcome } from './types.ts';

interface HookRow {
  readonly cls: string;
  readonly priority: number;
  readonly triggered_stages: readonly string[];
  readonly by_epoch: boolean | null;
  readonly interval: number | null;
}

const CONFIG_KEYS = [
  'lr_config',
  'momentum_config',
  'optimizer_config',
  'checkpoint_config',
  'log_config',
  'custom_hooks',
];

export function runTrainingHooks(one: RunCase): ParityOutcome {
  const { runner } = makeRigOf(one);
  const context = makeContext(makeRigOf(one));
  const wanted = (one.out?.hooks as readonly HookRow[] | undefined) ?? [];
  const dict: Record<string, unknown> = {};
  for (const key of CONFIG_KEYS) dict[key] = decodeValue(one[key] ?? null);
  // The fixture's own hook classes: all that is known of them is when they are called.
  for (const row of wanted) if (row.cls.startsWith('Zz')) registerCustom(context, row);
  const missing = wanted
    .map(({ cls }) => cls)
    .filter((cls) => cls !== 'EvalHook' && !context.registries.HOOKS.has(cls));
  if (missing.length > 0) return failed(`not built: ${[...new Set(missing)].join(', ')}`);
  registerTrainingHooks(runner, dict, context);
  if (one.register_eval_hook_LOW_afterwards) {
    const evaluator = { length: 1, evaluate: () => Promise.reject(new Error('not used')) };
    const byEpoch = !(runner instanceof IterBasedRunner);
    runner.registerHook(new EvalHook(evaluator, { byEpoch }, {}), 'LOW');
  }
  const got = runner.hooks.map((hook): HookRow => {
    const { byEpoch = null, interval = null } = hook as { byEpoch?: boolean; interval?: number };
    return {
      cls: hook.hookName,
      priority: runner.priorityOf(hook) ?? -1,
      triggered_stages: hook.getTriggeredStages().map(toSnake),
      by_epoch: byEpoch,
      interval,
    };
  });
  return allOf(
    compare('hooks', got, wanted),
    compare('hook info', runner.getHookInfo().split('\n'), String(one.out?.hook_info_text).split('\n')),
  );
}

function makeRigOf(one: RunCase): ReturnType<typeof makeRig> {
  return makeRig({ ...one, optimizer_config: undefined });
}

function registerCustom(context: BuildContext, row: HookRow): void {
  if (context.registries.HOOKS.has(row.cls)) return;
  class Custom extends Hook {
    override get hookName(): string {
      return row.cls;
    }
  }
  for (const stage of row.triggered_stages)
    Object.assign(Custom.prototype, { [snakeToCamel(stage)]: () => undefined });
  context.registries.HOOKS.registerModule({ name: row.cls })(Custom);
}

/** The stages in which each class of MMCV and MMDetection does something. */
export function runTriggeredAll(one: RunCase): ParityOutcome {
  const missing: string[] = [];
  for (const [name, wanted] of Object.entries(one.out ?? {})) {
    const Class = classOf(name);
    if (!Class) {
      missing.push(name);
      continue;
    }
    // The stages are the class's: asked of its prototype, nothing has to be built.
    const stages = Hook.prototype.getTriggeredStages.call(Class.prototype as Hook).map(toSnake);
    const outcome = compare(name, stages, wanted);
    if (outcome.status !== 'passed') return outcome;
  }
  return missing.length > 0 ? failed(`the others agree; not built: ${missing.join(', ')}`) : passed;
}

/** The fixture names some classes beside the registry; on one device, DistEvalHook is EvalHook. */
function classOf(name: string): { readonly prototype: unknown } | undefined {
  if (/^(mmdet\.)?(Dist)?EvalHook$/.test(name)) return EvalHook;
  if (name === 'LrUpdaterHook(base)') return LrUpdaterHook;
  return name === 'Hook(base)' ? Hook : HOOKS.get(name);
}

function toSnake(name: string): string {
  return name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
}
