// Writes pickle protocol 2 the way torch.save's pickler does, with the opcodes that PyTorch's restricted loader
// (weights_only=True) knows.
// Source: CPython Lib/pickle.py and pickletools.py; torch/_utils.py for the reduce arguments of tensors.

import { CheckpointError } from '../../errors/index.ts';
import { Tuple } from '../../util/tuple.ts';
import { DTYPES } from './dtypes.ts';
import {
  NumpyArray,
  NumpyScalar,
  OrderedMap,
  PyFloat,
  PyObjectStub,
  TorchTensor,
  type PthValue,
} from './values.ts';

/** Gives the key (file name under data/) of a tensor's storage. */
export type StorageKeyOf = (tensor: TorchTensor) => string;

const DTYPE_NAMES = new Set(Object.keys(DTYPES).map((dtype) => `torch.${dtype}`));
const BATCH = 1000;
const MAX_MEMO_STRING = 256;

/** @returns a whole pickle. @throws CheckpointError `unsupported` for a value that has no pickle. */
export function encodePickle(value: PthValue, storageKeyOf: StorageKeyOf): Uint8Array {
  const writer = new PickleWriter(storageKeyOf);
  writer.op(0x80, 2);
  writer.save(value, 'checkpoint');
  writer.op(0x2e);
  return writer.bytes();
}

class PickleWriter {
  readonly #storageKeyOf: StorageKeyOf;
  #buffer = new Uint8Array(1 << 14);
  #length = 0;
  readonly #memo = new Map<unknown, number>();
  readonly #globals = new Map<unknown, number>();
  #memoCount = 0;
  readonly #open = new Set<object>();

  constructor(storageKeyOf: StorageKeyOf) {
    this.#storageKeyOf = storageKeyOf;
  }

  bytes(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }

  op(...bytes: number[]): void {
    this.#reserve(bytes.length);
    for (const byte of bytes) this.#buffer[this.#length++] = byte;
  }

  save(value: PthValue, path: string): void {
    if (value === null) this.op(0x4e);
    else if (typeof value === 'boolean') this.op(value ? 0x88 : 0x89);
    else if (typeof value === 'number')
      if (Number.isSafeInteger(value) && !Object.is(value, -0)) this.#int(value);
      else this.#float(value);
    else if (typeof value === 'bigint') this.#long(value);
    else if (typeof value === 'string') this.#string(value);
    else if (value instanceof PyFloat) this.#float(value.value);
    else if (value instanceof NumpyScalar) this.save(scalarToPython(value), path);
    else this.#object(value, path);
  }

  #object(value: Exclude<PthValue, null | string | number | bigint | boolean>, path: string): void {
    if (this.#recall(value)) return;
    if (this.#open.has(value))
      throw new CheckpointError(`checkpoint value must not contain itself, ${path} does`, {
        code: 'unsupported',
        path,
      });
    this.#open.add(value);
    if (value instanceof TorchTensor) this.#tensor(value);
    else if (value instanceof Uint8Array) this.#bytesObject(value);
    else if (value instanceof Tuple) this.#tuple([...value], path);
    else if (Array.isArray(value)) this.#list(value, path);
    else if (value instanceof Set) this.#set(value, path);
    else if (value instanceof Map) this.#map(value, path);
    else if (value instanceof PyObjectStub) this.#stub(value, path);
    else if (isPlainObject(value)) this.#map(new Map(Object.entries(value)), path);
    else
      throw new CheckpointError(
        `checkpoint value must be plain data or a TorchTensor, ${path} is ${kindOf(value)}`,
        { code: 'unsupported', path },
      );
    this.#open.delete(value);
    this.#remember(value);
  }

  #tensor(tensor: TorchTensor): void {
    const { storage, components } = DTYPES[tensor.dtype];
    if (storage === 'UntypedStorage')
      throw new CheckpointError(`checkpoint tensor must have a dtype of PyTorch 1.13, got ${tensor.dtype}`, {
        code: 'unsupported',
      });
    this.#global('torch._utils', '_rebuild_tensor_v2');
    this.op(0x28);
    this.op(0x28);
    this.#string('storage');
    this.#global('torch', storage);
    this.#string(this.#storageKeyOf(tensor));
    this.#string('cpu');
    this.#int(tensor.data.length / components);
    this.op(0x74, 0x51); // TUPLE, BINPERSID
    this.op(0x4b, 0); // storage offset
    this.#intTuple(tensor.shape);
    this.#intTuple(contiguousStrides(tensor.shape));
    this.op(tensor.requiresGrad ? 0x88 : 0x89);
    this.#global('collections', 'OrderedDict');
    this.op(0x29, 0x52); // EMPTY_TUPLE, REDUCE: no backward hooks
    this.op(0x74, 0x52); // TUPLE, REDUCE
  }

  #list(items: readonly PthValue[], path: string): void {
    this.op(0x5d);
    for (let at = 0; at < items.length; at += BATCH) {
      this.op(0x28);
      items.slice(at, at + BATCH).forEach((item, i) => this.save(item, `${path}[${at + i}]`));
      this.op(0x65);
    }
  }

  #tuple(items: readonly PthValue[], path: string): void {
    if (items.length === 0) return this.op(0x29);
    if (items.length > 3) this.op(0x28);
    items.forEach((item, i) => this.save(item, `${path}[${i}]`));
    this.op(items.length > 3 ? 0x74 : 0x84 + items.length);
  }

  #set(items: ReadonlySet<PthValue>, path: string): void {
    this.#global('__builtin__', 'set');
    this.#list([...items], path);
    this.op(0x85, 0x52);
  }

  #map(map: ReadonlyMap<PthValue, PthValue>, path: string): void {
    if (map instanceof OrderedMap) {
      this.#global('collections', 'OrderedDict');
      this.op(0x29, 0x52);
    } else {
      this.op(0x7d);
    }
    const entries = [...map];
    for (let at = 0; at < entries.length; at += BATCH) {
      this.op(0x28);
      for (const [key, value] of entries.slice(at, at + BATCH)) {
        const inner = `${path}.${typeof key === 'string' ? key : `[${String(key)}]`}`;
        this.save(key, inner);
        this.save(value, inner);
      }
      this.op(0x75);
    }
    if (map instanceof OrderedMap && map.attributes) {
      this.#map(map.attributes, path);
      this.op(0x62);
    }
  }

  #bytesObject(bytes: Uint8Array): void {
    // Protocol 2 has no bytes: Python 3 spells them as text in Latin-1.
    this.#global('_codecs', 'encode');
    let text = '';
    for (const byte of bytes) text += String.fromCharCode(byte);
    this.#string(text);
    this.#string('latin1');
    this.op(0x86, 0x52);
  }

  #stub(stub: PyObjectStub, path: string): void {
    const dot = stub.qualifiedName.lastIndexOf('.');
    const isDevice = stub.qualifiedName === 'torch.device' && stub.args !== undefined;
    if (!isDevice && !DTYPE_NAMES.has(stub.qualifiedName))
      throw new CheckpointError(`checkpoint value must be plain data, ${path} is ${stub.qualifiedName}`, {
        code: 'unsupported',
        path,
      });
    this.#global(stub.qualifiedName.slice(0, dot), stub.qualifiedName.slice(dot + 1));
    if (!stub.args) return;
    this.#tuple(stub.args, path);
    this.op(0x52);
  }

  #global(module: string, name: string): void {
    const key = `${module} ${name}`;
    if (this.#recall(key, this.#globals)) return;
    this.op(0x63);
    this.#raw(new TextEncoder().encode(`${module}\n${name}\n`));
    this.#remember(key, this.#globals);
  }

  #intTuple(values: readonly number[]): void {
    if (values.length === 0) return this.op(0x29);
    if (values.length > 3) this.op(0x28);
    for (const value of values) this.#int(value);
    this.op(values.length > 3 ? 0x74 : 0x84 + values.length);
  }

  #int(value: number): void {
    if (value >= 0 && value < 0x100) return this.op(0x4b, value);
    if (value >= 0 && value < 0x10000) return this.op(0x4d, value & 255, value >> 8);
    if (value !== (value | 0)) return this.#long(BigInt(value));
    this.op(0x4a, value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >> 24) & 255);
  }

  #long(value: bigint): void {
    // The shortest two's complement that keeps the sign.
    const bytes: number[] = [];
    for (let rest = value; ; rest >>= 8n) {
      const byte = Number(BigInt.asUintN(8, rest));
      bytes.push(byte);
      const isSignKept = ((byte & 0x80) !== 0) === rest < 0n;
      if (isSignKept && rest >> 8n === (rest < 0n ? -1n : 0n)) break;
    }
    if (value === 0n) bytes.length = 0;
    if (bytes.length > 255)
      throw new CheckpointError(`integer must fit 255 bytes, got ${bytes.length}`, { code: 'unsupported' });
    this.op(0x8a, bytes.length, ...bytes);
  }

  #float(value: number): void {
    this.op(0x47);
    this.#reserve(8);
    new DataView(this.#buffer.buffer).setFloat64(this.#length, value, false);
    this.#length += 8;
  }

  #string(value: string): void {
    const isShort = value.length <= MAX_MEMO_STRING;
    if (isShort && this.#recall(value)) return;
    const bytes = new TextEncoder().encode(value);
    this.op(0x58);
    this.#uint32(bytes.length);
    this.#raw(bytes);
    if (isShort) this.#remember(value);
  }

  #recall(key: unknown, memo: ReadonlyMap<unknown, number> = this.#memo): boolean {
    const index = memo.get(key);
    if (index === undefined) return false;
    if (index < 256) this.op(0x68, index);
    else {
      this.op(0x6a);
      this.#uint32(index);
    }
    return true;
  }

  #remember(key: unknown, memo: Map<unknown, number> = this.#memo): void {
    const index = this.#memoCount++;
    memo.set(key, index);
    if (index < 256) return this.op(0x71, index);
    this.op(0x72);
    this.#uint32(index);
  }

  #uint32(value: number): void {
    this.op(value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24);
  }

  #raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(this.#buffer.length * 2, this.#length + count));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
  }
}

/** Strides in elements of a C-ordered shape, as PyTorch gives them: a size of 0 counts as 1. */
export function contiguousStrides(shape: readonly number[]): number[] {
  const strides: number[] = [];
  let step = 1;
  for (const size of [...shape].reverse()) {
    strides.unshift(step);
    step *= Math.max(1, size);
  }
  return strides;
}

function scalarToPython(scalar: NumpyScalar): PthValue {
  const { dtype, value } = scalar;
  return typeof value === 'number' && dtype.startsWith('float') ? new PyFloat(value) : value;
}

function isPlainObject(value: object): value is { readonly [key: string]: PthValue } {
  if (value instanceof NumpyArray) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function kindOf(value: unknown): string {
  return typeof value === 'object' && value !== null ? value.constructor.name : typeof value;
}
