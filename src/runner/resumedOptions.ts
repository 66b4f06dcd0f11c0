// What a config says of the optimizer that the resumed one, whose options come from the checkpoint, doesn't have.

import { plainRepr } from '../lang/plainRepr.ts';
import type { Optimizer } from '../optim/optimizer.ts';

/** Options of each parameter group, by PyTorch's names. */
export type GroupOptions = readonly Readonly<Record<string, unknown>>[];

/** An option of one group that the checkpoint has otherwise than the config. */
export interface OptionDifference {
  readonly group: number;
  readonly key: string;
  readonly configured: unknown;
  readonly saved: unknown;
}

/** Numbers that differ by less were computed on another way. */
const RELATIVE_TOLERANCE = 1e-9;
/** Of schedules; none of them is the config's own. */
const SCHEDULE_KEYS = ['initial_lr', 'initial_momentum', 'base_momentum', 'max_momentum'];

/** What the groups have before anything but the config has set it; copies. */
export function optionsOf(optimizer: Optimizer): GroupOptions {
  return optimizer.paramGroups.map(({ params: _, ...options }) => structuredCloneOf(options));
}

/**
 * Compare what a config sets with what the checkpoint's run was set to. An lr or momentum that a schedule has moved is no difference.
 * @param configured {@link optionsOf} of this run
 * @param savedStart the same of the run that wrote the checkpoint; null where it tells only the groups as they were then
 * @param saved the groups as they were then
 * @param isMovedStart schedules of this config that begin elsewhere than at the optimizer's value (OneCycle)
 */
export function optionDifferences(
  configured: GroupOptions,
  savedStart: GroupOptions | null,
  saved: GroupOptions,
  isMovedStart: { readonly lr: boolean; readonly momentum: boolean },
): OptionDifference[] {
  const differences: OptionDifference[] = [];
  for (const [group, options] of configured.entries()) {
    const start = savedStart?.[group] ?? startOf(saved[group] ?? {}, isMovedStart);
    for (const [key, value] of Object.entries(options)) {
      if (SCHEDULE_KEYS.includes(key) || !(key in start) || isSame(value, start[key])) continue;
      differences.push({ group, key, configured: value, saved: start[key] });
    }
  }
  return differences;
}

/** One line for each option. @param groups how many there are */
export function differenceTexts(differences: readonly OptionDifference[], groups: number): string[] {
  return [...new Set(differences.map(({ key }) => key))].map((key) => {
    const of = differences.filter((difference) => difference.key === key);
    const [first] = of;
    const where = of.length === groups ? '' : ` in ${of.length} of ${groups} parameter groups`;
    return `optimizer.${key}=${plainRepr(first?.configured)} has no effect${where}: the resumed optimizer has ${plainRepr(first?.saved)}; load_from takes the weights only, resume_optimizer='config' (--resume-optimizer config) goes on with the config's options`;
  });
}

/** Give the groups the config's options, and their schedules a new start. */
export function applyConfigured(optimizer: Optimizer, differences: readonly OptionDifference[]): void {
  for (const { group: at, key, configured } of differences) {
    const group = optimizer.paramGroups[at];
    if (!group) continue;
    group[key] = configured;
    if (key === 'lr') delete group.initial_lr;
    if (key === 'momentum' || key === 'betas') delete group.initial_momentum;
  }
}

/** What a group of another program's checkpoint had before schedules moved it, as far as it tells. */
function startOf(
  saved: Readonly<Record<string, unknown>>,
  isMovedStart: { readonly lr: boolean; readonly momentum: boolean },
): Record<string, unknown> {
  const start: Record<string, unknown> = { ...saved };
  const { initial_lr: lr, initial_momentum: momentum } = saved;
  if (lr !== undefined) start.lr = lr;
  if (momentum !== undefined && 'momentum' in saved) start.momentum = momentum;
  else if (momentum !== undefined && Array.isArray(saved.betas))
    start.betas = [momentum, ...(saved.betas as unknown[]).slice(1)];
  if (isMovedStart.lr) delete start.lr;
  if (isMovedStart.momentum || 'base_momentum' in saved || 'max_momentum' in saved) {
    delete start.momentum;
    delete start.betas;
  }
  return start;
}

function isSame(a: unknown, b: unknown): boolean {
  if (typeof a === 'number' && typeof b === 'number')
    return a === b || Math.abs(a - b) <= RELATIVE_TOLERANCE * Math.max(Math.abs(a), Math.abs(b));
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((value, i) => isSame(value, b[i]));
  // PyTorch's None and False mean the same in its flags.
  return (a ?? false) === (b ?? false) || JSON.stringify(a) === JSON.stringify(b);
}

function structuredCloneOf(options: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options).map(([key, value]) => [
      key,
      Array.isArray(value) ? [...(value as unknown[])] : value,
    ]),
  );
}
