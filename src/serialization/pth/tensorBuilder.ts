// Tensors of a checkpoint are views (offset, shape, strides) on storages. Here they become tensors in C order.

import { damaged, unsupported } from './checkpointErrors.ts';
import {
  bytesPerElement,
  DTYPES,
  dtypeOfStorage,
  viewAs,
  type TorchData,
  type TorchDtype,
} from './dtypes.ts';
import { contiguousStrides } from './pickleWriter.ts';
import { countOf, PyObjectStub, TorchTensor } from './values.ts';

/** A storage as a pickle refers to it; sizes and offsets in elements. */
export class StorageRef extends PyObjectStub {
  readonly dtype: TorchDtype;
  readonly key: string;
  readonly offset: number;
  readonly count: number;

  constructor(dtype: TorchDtype, key: string, offset: number, count: number) {
    super(`torch.${DTYPES[dtype].storage}`, DTYPES[dtype].storage, [key]);
    this.dtype = dtype;
    this.key = key;
    this.offset = offset;
    this.count = count;
  }
}

export interface ViewSpec {
  /** In elements. */
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly requiresGrad: boolean;
  /** Element type where it differs from the storage's (untyped storages). */
  readonly dtype?: TorchDtype;
}

/** Meets the storages and tensors of a pickle. */
export interface TensorBuilder {
  /** @param count in elements. */
  storage(className: string, key: string, count: number): StorageRef;
  tensor(storage: StorageRef, view: ViewSpec): TorchTensor | PyObjectStub;
}

/** Only collects the storages and checks every view against them: the first pass over a file. */
export class StorageCollector implements TensorBuilder {
  /** By key; `count` is the whole storage's. */
  readonly storages = new Map<string, StorageRef>();

  storage(className: string, key: string, count: number): StorageRef {
    const ref = new StorageRef(storageDtype(className), key, 0, count);
    this.storages.set(key, ref);
    return ref;
  }

  tensor(storage: StorageRef, view: ViewSpec): PyObjectStub {
    checkView(storage, view);
    return new PyObjectStub('torch.Tensor', 'Tensor');
  }
}

/** Builds tensors from the storages' bytes. */
export class TensorReader implements TensorBuilder {
  readonly #bytesOf: (key: string) => Uint8Array | undefined;
  readonly #views = new Map<string, TorchData>();
  #copyBudget: number;

  /** @param copyBudget most bytes that views which overlap or skip may be copied to. */
  constructor(bytesOfKey: (key: string) => Uint8Array | undefined, copyBudget: number) {
    this.#bytesOf = bytesOfKey;
    this.#copyBudget = copyBudget;
  }

  storage(className: string, key: string, count: number): StorageRef {
    const dtype = storageDtype(className);
    const bytes = this.#bytesOf(key);
    const wanted = count * bytesPerElement(dtype);
    if (!bytes || bytes.length < wanted)
      throw damaged(`storage ${key} should have ${wanted} bytes, got ${bytes?.length ?? 'none'}`);
    return new StorageRef(dtype, key, 0, count);
  }

  tensor(storage: StorageRef, view: ViewSpec): TorchTensor {
    checkView(storage, view);
    const dtype = view.dtype ?? storage.dtype;
    const data = this.#gather(dtype, this.#data(storage.key, dtype), storage.offset + view.offset, view);
    return new TorchTensor({ shape: view.shape, dtype, data, requiresGrad: view.requiresGrad });
  }

  #data(key: string, dtype: TorchDtype): TorchData {
    const name = `${dtype} ${key}`;
    let data = this.#views.get(name);
    if (!data) this.#views.set(name, (data = viewAs(dtype, this.#bytesOf(key) ?? new Uint8Array())));
    return data;
  }

  #gather(dtype: TorchDtype, all: TorchData, offset: number, view: ViewSpec): TorchData {
    const { components, array } = DTYPES[dtype];
    const count = countOf(view.shape);
    if (isContiguous(view.shape, view.strides))
      return all.subarray(offset * components, (offset + count) * components);
    this.#copyBudget -= count * bytesPerElement(dtype);
    if (this.#copyBudget < 0) throw damaged('its views are far larger than the file');
    const out = new array(count * components);
    // Element by element in C order; the innermost axis is the loop at the bottom.
    let to = 0;
    const copyAxis = (axis: number, from: number): void => {
      const size = view.shape[axis];
      const stride = view.strides[axis];
      if (size === undefined || stride === undefined) {
        for (let c = 0; c < components; c++) out[to++] = all[from * components + c] ?? 0;
        return;
      }
      for (let i = 0; i < size; i++) copyAxis(axis + 1, from + i * stride);
    };
    copyAxis(0, offset);
    return out;
  }
}

function storageDtype(className: string): TorchDtype {
  const dtype = dtypeOfStorage(className);
  if (!dtype) throw unsupported(`it has a torch.${className}`);
  return dtype;
}

function checkView(storage: StorageRef, view: ViewSpec): void {
  const { offset, shape, strides } = view;
  const isNatural = [offset, ...shape, ...strides].every((n) => Number.isSafeInteger(n) && n >= 0);
  if (!isNatural || shape.length !== strides.length)
    throw damaged(
      `a tensor has shape [${shape.join(', ')}], strides [${strides.join(', ')}], offset ${offset}`,
    );
  if (countOf(shape) === 0) return;
  const last = shape.reduce((sum, size, d) => sum + (size - 1) * (strides[d] ?? 0), offset);
  const size = view.dtype ? bytesPerElement(view.dtype) / bytesPerElement(storage.dtype) : 1;
  if ((last + 1) * size > storage.count)
    throw damaged(
      `a tensor needs ${last + 1} elements of storage ${storage.key}, which has ${storage.count}`,
    );
}

function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  if (countOf(shape) === 0) return true;
  const natural = contiguousStrides(shape);
  return shape.every((size, d) => size === 1 || strides[d] === natural[d]);
}
