// What a PyTorch checkpoint holds, as TypeScript values.

import type { Tuple } from '../../util/tuple.ts';
import { DTYPES, type TorchData, type TorchDtype } from './dtypes.ts';

export interface TorchTensorInit {
  readonly shape: readonly number[];
  readonly dtype: TorchDtype;
  /** C order; length = product of `shape` (twice that for complex: re, im). Borrowed, not copied. */
  readonly data: TorchData;
  readonly requiresGrad?: boolean;
}

/**
 * A dense tensor in C order. `data` has the array type of its dtype: BigInt64Array for int64, Uint16Array holding the
 * bit patterns for float16 and bfloat16, Uint8Array for bool. Tensors of one file may share a buffer.
 */
export class TorchTensor {
  readonly shape: readonly number[];
  readonly dtype: TorchDtype;
  readonly data: TorchData;
  readonly requiresGrad: boolean;

  /** @throws Error when `data` is of another array type or length than dtype and shape say. */
  constructor(init: TorchTensorInit) {
    const { array, components } = DTYPES[init.dtype];
    const wanted = countOf(init.shape) * components;
    if (!(init.data instanceof array) || init.data.length !== wanted)
      throw new Error(
        `internal: tensor [${init.shape.join(', ')}] of ${init.dtype} needs ${array.name} of ${wanted}, ` +
          `got ${init.data.constructor.name} of ${init.data.length}`,
      );
    this.shape = init.shape;
    this.dtype = init.dtype;
    this.data = init.data;
    this.requiresGrad = init.requiresGrad ?? false;
  }
}

/** Number of elements of a shape; 1 for []. */
export function countOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Marks a number as a Python float where it would be written as an int: `new PyFloat(1)` is 1.0. */
export class PyFloat {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }

  valueOf(): number {
    return this.value;
  }
}

/** A `collections.OrderedDict`. `attributes` are those set on the object, such as `_metadata` of a state dict. */
export class OrderedMap<K = PthKey, V = PthValue> extends Map<K, V> {
  attributes?: Map<PthKey, PthValue>;
}

/** A Python object that has no counterpart here, kept by name only: a dtype, a device, a class. Never executed. */
export class PyObjectStub {
  /** Such as `torch.float16`. */
  readonly qualifiedName: string;
  /** Name of its class, such as `dtype`. */
  readonly typeName: string;
  /** What it was built from; undefined when the global itself is the value. */
  readonly args?: readonly PthValue[];
  state?: PthValue;

  constructor(qualifiedName: string, typeName: string, args?: readonly PthValue[]) {
    this.qualifiedName = qualifiedName;
    this.typeName = typeName;
    this.args = args;
  }
}

/**
 * A foreign object: of a class or built by a function that is not known here. Its parts are kept to be shown; nothing of it
 * was executed.
 */
export class OpaqueObject extends PyObjectStub {
  /** What was appended or added to it, where it is a list, a deque, a set. */
  items?: PthValue[];
  /** Its items by key, where it is a dict (a defaultdict, a Counter). */
  entries?: Map<PthKey, PthValue>;
}

/** A tensor that is no dense one in main memory: quantised, sparse, nested, of a device that isn't there. */
export class UnreadableTensor extends PyObjectStub {
  /** Such as `quantised`. */
  readonly kind: string;

  constructor(qualifiedName: string, kind: string, args: readonly PthValue[]) {
    super(qualifiedName, 'Tensor', args);
    this.kind = kind;
  }
}

/** A `numpy.ndarray`, in C order. */
export class NumpyArray {
  readonly shape: readonly number[];
  /** NumPy's name, such as `float32`. */
  readonly dtype: string;
  readonly data: readonly NumpyValue[];

  constructor(shape: readonly number[], dtype: string, data: readonly NumpyValue[]) {
    this.shape = shape;
    this.dtype = dtype;
    this.data = data;
  }
}

/** A NumPy scalar, such as the `np.float64` that a metric leaves in `meta`. */
export class NumpyScalar {
  readonly dtype: string;
  readonly value: NumpyValue;

  constructor(dtype: string, value: NumpyValue) {
    this.dtype = dtype;
    this.value = value;
  }

  valueOf(): NumpyValue {
    return this.value;
  }
}

export type NumpyValue = number | bigint | boolean | string;

export type PthKey =
  null | boolean | number | bigint | string | PyFloat | Uint8Array | Tuple<PthValue> | PyObjectStub;

/**
 * A value of a checkpoint. Python dicts are Maps, because keys may be ints; `OrderedMap` is an OrderedDict. Plain
 * objects are accepted when writing (a dict with string keys) and never come from reading.
 */
export type PthValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | PyFloat
  | Uint8Array
  | TorchTensor
  | NumpyArray
  | NumpyScalar
  | PyObjectStub
  | PthValue[]
  | Tuple<PthValue>
  | Set<PthKey>
  | Map<PthKey, PthValue>
  | { readonly [key: string]: PthValue };
