// Where a checkpoint keeps its weights: `state_dict` as MMCV writes, the file itself, or a key that other trainers use.

import { CheckpointError } from '../../errors/index.ts';
import { keyText } from './keyText.ts';
import {
  OpaqueObject,
  OrderedMap,
  TorchTensor,
  UnreadableTensor,
  type PthKey,
  type PthValue,
} from './values.ts';

/** Keys of weights in files of other trainers, in the order of preference: the trained model before its average. */
const KEYS = [
  ...[
    'state_dict',
    'model_state_dict',
    'model',
    'net',
    'network',
    'weights',
    'params',
    'module',
    'student',
    'teacher',
  ],
  ...[
    'ema_state_dict',
    'state_dict_ema',
    'model_ema',
    'params_ema',
    'ema',
    'ema_model',
    'shadow',
    'ema_weights',
  ],
];
const MAX_DEPTH = 3;

export interface FoundStateDict {
  readonly stateDict: ReadonlyMap<string, TorchTensor>;
  /** Keys on the way to it, such as `['ema', 'module']`; [] when the file is a bare state dict. */
  readonly path: readonly string[];
  /** Further places that hold weights, such as `ema`. */
  readonly others: readonly string[];
}

/**
 * Find the weights of a checkpoint.
 * @param root what `readPth` gave
 * @param file for messages
 * @throws CheckpointError `no-state-dict` (with the keys there are), `whole-model`, `unsupported` for a quantised or sparse tensor
 */
export function findStateDict(root: PthValue, file: string): FoundStateDict {
  const [best, ...rest] = candidates(root, [], 0);
  if (best) {
    const stateDict = new Map<string, TorchTensor>();
    for (const [name, value] of best.dict) {
      if (value instanceof TorchTensor) stateDict.set(String(name), value);
      else if (value instanceof UnreadableTensor) throw unreadable(String(name), value, file);
    }
    return { stateDict, path: best.path, others: rest.map(({ path }) => path.join('.')) };
  }
  const whole = wholeModelOf(root) ?? KEYS.map((key) => dictOf(root)?.get(key)).find(isWholeModel);
  if (whole instanceof OpaqueObject) throw wholeModel(whole, file);
  throw noStateDict(root, file);
}

/** The dict that a value is: a dict, an OrderedDict, or a foreign one such as a defaultdict. */
export function dictOf(value: PthValue | undefined): ReadonlyMap<PthKey, PthValue> | undefined {
  if (value instanceof Map) return value;
  return value instanceof OpaqueObject ? value.entries : undefined;
}

interface Candidate {
  readonly dict: ReadonlyMap<PthKey, PthValue>;
  readonly path: readonly string[];
}

function candidates(value: PthValue | undefined, path: readonly string[], depth: number): Candidate[] {
  const dict = dictOf(value);
  if (!dict || depth > MAX_DEPTH) return [];
  // MMCV takes `state_dict` wherever it is, so it counts before tensors beside it.
  const inner = KEYS.flatMap((key) => candidates(dict.get(key), [...path, key], depth + 1));
  const own = hasTensors(dict) ? [{ dict, path }] : [];
  return dict.has('state_dict') || !isMostlyTensors(dict) ? [...inner, ...own] : [...own, ...inner];
}

function hasTensors(dict: ReadonlyMap<PthKey, PthValue>): boolean {
  return [...dict.values()].some((item) => item instanceof TorchTensor || item instanceof UnreadableTensor);
}

/** A stray tensor beside the weights doesn't make a file a state dict. */
function isMostlyTensors(dict: ReadonlyMap<PthKey, PthValue>): boolean {
  const tensors = [...dict.values()].filter((item) => item instanceof TorchTensor).length;
  return 2 * tensors >= dict.size;
}

function isWholeModel(value: PthValue | undefined): value is OpaqueObject {
  return value instanceof OpaqueObject && value.state instanceof Map && value.state.has('_modules');
}

function wholeModelOf(value: PthValue): OpaqueObject | undefined {
  return isWholeModel(value) ? value : undefined;
}

function wholeModel(model: OpaqueObject, file: string): CheckpointError {
  return new CheckpointError(
    `checkpoint must hold a state_dict, but ${file} holds a whole model (an object of the class ${model.qualifiedName}), as torch.save(model) writes it`,
    {
      code: 'whole-model',
      path: file,
      hint: "in Python, where that class is installed, save its weights: torch.save({'state_dict': model.state_dict()}, 'weights.pth')",
    },
  );
}

function unreadable(name: string, tensor: UnreadableTensor, file: string): CheckpointError {
  return new CheckpointError(`the weights must be dense tensors, but ${name} of ${file} is ${tensor.kind}`, {
    code: 'unsupported',
    path: file,
    hint:
      tensor.kind === 'quantised'
        ? 'quantised weights are for inference only: save the float model that was quantised, or each tensor.dequantize()'
        : 'convert the tensors first: tensor.to_dense(), tensor.cpu()',
  });
}

function noStateDict(root: PthValue, file: string): CheckpointError {
  const message = `No state_dict found in checkpoint file ${file}`;
  const dict = dictOf(root);
  if (!dict) return new CheckpointError(message, { code: 'no-state-dict', path: file });
  const keys = [...dict.keys()].map(keyText);
  const shown = keys.length > 12 ? [...keys.slice(0, 12), `… (${keys.length} in all)`] : keys;
  const holder = [...dict].find(([, value]) => {
    const inner = dictOf(value);
    return inner !== undefined && hasTensors(inner);
  });
  const example = holder ? keyText(holder[0]) : undefined;
  return new CheckpointError(`${message}: its keys are ${shown.join(', ') || 'none'}`, {
    code: 'no-state-dict',
    path: file,
    hint:
      example === undefined
        ? "none of them holds tensors by name: save the weights with torch.save({'state_dict': model.state_dict()}, path)"
        : `'${example}' holds tensors; if those are the weights, save them under the name: torch.save({'state_dict': torch.load('${file}')['${example}']}, 'weights.pth')`,
  });
}

/** `meta` as MMCV writes it; an empty one where the file has none. */
export function metaOf(root: PthValue): ReadonlyMap<string, PthValue> {
  const meta = root instanceof Map ? root.get('meta') : undefined;
  const out = new OrderedMap<string, PthValue>();
  for (const [key, value] of dictOf(meta) ?? []) out.set(keyText(key), value);
  return out;
}
