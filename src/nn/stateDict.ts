// Saving and loading by name, with MMCV's rules about what is missing, unexpected or of the wrong shape.

import { CheckpointError, invariant } from '../errors/index.ts';
import { toFloat32, toInt64 } from '../serialization/pth/toFloat32.ts';
import type { FloatBuffer, Parameter } from './parameter.ts';
import { IntBuffer, readFloats, type StateTensor } from './parameter.ts';
import type { StateTree } from './stateTree.ts';

export interface LoadOptions {
  /** Throw when anything doesn't fit. Default false. */
  strict?: boolean;
  /** [pattern, replacement] applied to every name in turn. Default drops a leading `module.`. */
  prefixRevisions?: readonly (readonly [RegExp, string])[];
}

export interface LoadReport {
  /** Names of the state dict that the model doesn't have. */
  readonly unexpected: readonly string[];
  /** Names of the model that the state dict doesn't have; `num_batches_tracked` is never among them. */
  readonly missing: readonly string[];
  /** Tensors of another shape; they are not loaded. */
  readonly mismatched: readonly { name: string; expected: readonly number[]; actual: readonly number[] }[];
  /** Names of tensors that hold NaN or infinity, among those that were loaded. */
  readonly notFinite: readonly string[];
  /** MMCV's warning text, or null when all fits. */
  readonly message: string | null;
  /** All that is to be told: `message`, and the tensors with values that are not finite. */
  readonly warnings: readonly string[];
}

type Item = Parameter | FloatBuffer | IntBuffer;

const DEFAULT_REVISIONS: readonly (readonly [RegExp, string])[] = [[/^module\./, '']];

/** Copy every parameter and buffer of a tree out, parameters before buffers in each module, parents first. */
export async function saveStateDict(root: StateTree): Promise<Map<string, StateTensor>> {
  const items = stateItems(root);
  const floats: (Parameter | FloatBuffer)[] = [];
  for (const item of items.values()) if (!(item instanceof IntBuffer)) floats.push(item);
  // Integers are taken at the same moment as the readbacks are asked for.
  const integers = new Map(
    [...items].flatMap(([name, item]) => (item instanceof IntBuffer ? [[name, item.value]] : [])),
  );
  const values = new Map((await readFloats(floats)).map((data, i) => [floats[i], data] as const));
  const state = new Map<string, StateTensor>();
  for (const [name, item] of items) {
    if (item instanceof IntBuffer) {
      const data = BigInt64Array.of(BigInt(integers.get(name) ?? 0));
      state.set(name, { shape: [], dtype: 'int64', data });
    } else {
      const data = values.get(item);
      invariant(data, `${name} was not read`);
      state.set(name, { shape: [...item.shape], dtype: 'float32', data });
    }
  }
  return state;
}

/**
 * Set parameters and buffers by name; tensors of another dtype are converted as `copy_` does, those of another shape left out.
 * Source: mmcv 1.7.2 `runner/checkpoint.py` `load_state_dict` and torch 1.13 `Module._load_from_state_dict`.
 * @throws CheckpointError `unsupported` for complex values; `state-dict-mismatch` when `strict` and something doesn't fit; what fits is loaded even then, as in MMCV
 */
export function loadStateDict(
  root: StateTree,
  state: ReadonlyMap<string, StateTensor>,
  options: LoadOptions,
): LoadReport {
  const source = new Map<string, StateTensor>();
  for (const [name, value] of state) {
    let revised = name;
    for (const [pattern, replacement] of options.prefixRevisions ?? DEFAULT_REVISIONS)
      revised = revised.replace(pattern, replacement);
    source.set(revised, value);
  }
  const items = stateItems(root);
  const missing: string[] = [];
  const mismatched: LoadReport['mismatched'][number][] = [];
  const notFinite: string[] = [];
  for (const [name, item] of items) {
    const value = source.get(name);
    if (!value) missing.push(name);
    else if (!fits(item, value)) mismatched.push({ name, expected: item.shape, actual: value.shape });
    else if (!assign(item, value, name)) notFinite.push(name);
  }
  const unexpected = [...source.keys()].filter((name) => !items.has(name));
  const told = missing.filter((name) => !name.includes('num_batches_tracked'));
  const message = describe(unexpected, told, mismatched);
  if (message !== null && options.strict) {
    throw new CheckpointError(message, {
      code: 'state-dict-mismatch',
      hint: 'load without strict to take what fits, or use the config that the checkpoint was trained with',
    });
  }
  const warnings = message === null ? [] : [message];
  if (notFinite.length > 0) warnings.push(describeNotFinite(notFinite));
  return { unexpected, missing: told, mismatched, notFinite, message, warnings };
}

/** Everything a state dict holds, by name and in its order. */
export function stateItems(root: StateTree): Map<string, Item> {
  const items = new Map<string, Item>();
  const visit = (module: StateTree, prefix: string): void => {
    for (const [key, parameter] of module.ownParameters()) items.set(prefix + key, parameter);
    for (const [key, buffer] of module.ownBuffers()) items.set(prefix + key, buffer);
    // Shared modules are written once per name, as PyTorch does.
    for (const [key, child] of module.children()) visit(child, `${prefix}${key}.`);
  };
  visit(root, '');
  return items;
}

function fits(item: Item, value: StateTensor): boolean {
  // PyTorch reads a one-element vector into a scalar (files of before 0.4).
  if (item.shape.length === 0 && value.shape.length === 1 && value.shape[0] === 1) return true;
  return item.shape.length === value.shape.length && item.shape.every((n, i) => n === value.shape[i]);
}

/** @returns false when a value is NaN or infinite @throws CheckpointError `unsupported` */
function assign(item: Item, value: StateTensor, name: string): boolean {
  try {
    if (item instanceof IntBuffer) {
      item.value = toInt64(value.dtype, value.data);
      return true;
    }
    const data = toFloat32(value.dtype, value.data);
    item.fromTorch(data);
    return data.every(Number.isFinite);
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    const { message, code, hint } = error;
    throw new CheckpointError(`${name}: ${message}`, { code, hint, cause: error });
  }
}

const MAX_NAMES = 5;

function describeNotFinite(names: readonly string[]): string {
  const shown = names.slice(0, MAX_NAMES).join(', ');
  const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : '';
  return `the checkpoint has values that are NaN or infinite in ${shown}${more}: the run that wrote it had diverged, take an earlier checkpoint`;
}

function describe(
  unexpected: readonly string[],
  missing: readonly string[],
  mismatched: LoadReport['mismatched'],
): string | null {
  const lines: string[] = [];
  for (const { name, expected, actual } of mismatched)
    lines.push(
      `size mismatch for ${name}: copying a param with shape ${torchSize(actual)} from checkpoint, the shape in current model is ${torchSize(expected)}.`,
    );
  if (unexpected.length > 0) lines.push(`unexpected key in source state_dict: ${unexpected.join(', ')}\n`);
  if (missing.length > 0) lines.push(`missing keys in source state_dict: ${missing.join(', ')}\n`);
  if (lines.length === 0) return null;
  return ['The model and loaded state dict do not match exactly\n', ...lines].join('\n');
}

function torchSize(shape: readonly number[]): string {
  return `torch.Size([${shape.join(', ')}])`;
}
