// A pickle is a program for a small stack machine. This one builds plain data and the tensors of a checkpoint; it
// has no way to import or call anything: what it does not know becomes an opaque object. Protocols 0 to 5.
// Source: CPython Lib/pickletools.py (opcodes); torch/serialization.py (persistent ids of storages).

import { Tuple } from '../../util/tuple.ts';
import { callGlobal, findGlobal, GlobalRef, storageClassOf } from './allowedGlobals.ts';
import { damaged, unsafeGlobal, unsupported } from './checkpointErrors.ts';
import { makeNumpyArray, NumpyArrayShell, NumpyDtype, setDtypeState } from './numpy.ts';
import { PickleBytes, toInteger } from './pickleBytes.ts';
import { pythonRepr, unescapeString, unescapeUnicode } from './pythonText.ts';
import { StorageRef, type TensorBuilder } from './tensorBuilder.ts';
import {
  NumpyScalar,
  OpaqueObject,
  OrderedMap,
  PyFloat,
  PyObjectStub,
  TorchTensor,
  type PthKey,
  type PthValue,
} from './values.ts';

export interface UnpickleOptions {
  /** Give floats that are whole numbers as PyFloat, so that writing them again keeps their type; default false. */
  readonly keepFloats?: boolean;
}

/**
 * Read one pickle.
 * @param start offset of its first byte.
 * @returns the value and the offset after its STOP.
 * @throws CheckpointError `damaged`, `unsafe-global`, `unsupported`.
 */
export function unpickle(
  bytes: Uint8Array,
  builder: TensorBuilder,
  options: UnpickleOptions = {},
  start = 0,
): { value: PthValue; end: number } {
  const machine = new Unpickler(new PickleBytes(bytes, start), builder, options.keepFloats ?? false);
  return machine.run();
}

class Unpickler {
  readonly #in: PickleBytes;
  readonly #builder: TensorBuilder;
  readonly #keepFloats: boolean;
  #stack: PthValue[] = [];
  readonly #below: PthValue[][] = [];
  readonly #memo = new Map<number, PthValue>();
  #refused: GlobalRef | undefined;

  constructor(input: PickleBytes, builder: TensorBuilder, keepFloats: boolean) {
    this.#in = input;
    this.#builder = builder;
    this.#keepFloats = keepFloats;
  }

  run(): { value: PthValue; end: number } {
    for (;;) {
      const op = this.#in.uint8();
      if (op === 0x2e) break;
      if (!this.#constant(op) && !this.#container(op) && !this.#object(op))
        throw damaged(`its pickle has opcode 0x${op.toString(16)} at byte ${this.#in.at - 1}`);
    }
    const value = this.#pop();
    if (this.#refused)
      throw unsafeGlobal(this.#refused.qualifiedName, `the import of ${this.#refused.qualifiedName}`);
    return { value, end: this.#in.at };
  }

  /** Opcodes that push a number, a text, bytes. */
  #constant(op: number): boolean {
    const input = this.#in;
    switch (String.fromCharCode(op)) {
      case 'N':
        return this.#push(null);
      case '\x88':
        return this.#push(true);
      case '\x89':
        return this.#push(false);
      case 'K':
        return this.#push(input.uint8());
      case 'M':
        return this.#push(input.uint16());
      case 'J':
        return this.#push(input.int32());
      case '\x8a':
        return this.#push(input.long(input.uint8()));
      case '\x8b':
        return this.#push(input.long(input.int32()));
      case 'I':
        return this.#push(parseInteger(input.line(), true));
      case 'L':
        return this.#push(parseInteger(input.line().replace(/L$/, ''), false));
      case 'G':
        return this.#push(this.#float(input.float64()));
      case 'F':
        return this.#push(this.#float(Number(input.line())));
      case 'X':
        return this.#push(input.text(input.uint32()));
      case '\x8c':
        return this.#push(input.text(input.uint8()));
      case '\x8d':
        return this.#push(input.text(input.uint64()));
      case 'V':
        return this.#push(unescapeUnicode(input.line()));
      case 'U':
        return this.#push(textOrBytes(input.raw(input.uint8())));
      case 'T':
        return this.#push(textOrBytes(input.raw(input.int32())));
      case 'S':
        return this.#push(unescapeString(input.line()));
      case 'C':
        return this.#push(input.raw(input.uint8()).slice());
      case 'B':
        return this.#push(input.raw(input.uint32()).slice());
      case '\x8e':
      case '\x96':
        return this.#push(input.raw(input.uint64()).slice());
      default:
        return false;
    }
  }

  /** Opcodes that build containers, move the stack, or remember values. */
  #container(op: number): boolean {
    const input = this.#in;
    switch (String.fromCharCode(op)) {
      case '(':
        this.#below.push(this.#stack);
        this.#stack = [];
        return true;
      case '0':
        this.#pop();
        return true;
      case '1':
        this.#popMark();
        return true;
      case '2':
        return this.#push(this.#top());
      case ']':
        return this.#push([]);
      case '}':
        return this.#push(new Map());
      case ')':
        return this.#push(Tuple.of());
      case '\x8f':
        return this.#push(new Set<PthKey>());
      case 'l':
        return this.#push(this.#popMark());
      case 't':
        return this.#push(tupleOf(this.#popMark()));
      case 'd': {
        const map = new Map<PthKey, PthValue>();
        setItems(map, this.#popMark());
        return this.#push(map);
      }
      case '\x91':
        return this.#push(new Set(this.#popMark().map(toKey)));
      case '\x85':
        return this.#push(tupleOf(this.#popMany(1)));
      case '\x86':
        return this.#push(tupleOf(this.#popMany(2)));
      case '\x87':
        return this.#push(tupleOf(this.#popMany(3)));
      case 'a':
        return this.#append(this.#popMany(1));
      case 'e':
        return this.#append(this.#popMark());
      case '\x90':
        return this.#add(this.#popMark());
      case 's':
        return setItems(this.#at(2), this.#popMany(2));
      case 'u': {
        const items = this.#popMark();
        return setItems(this.#top(), items);
      }
      case 'q':
        return this.#remember(input.uint8());
      case 'r':
        return this.#remember(input.uint32());
      case 'p':
        return this.#remember(Number(input.line()));
      case '\x94':
        return this.#remember(this.#memo.size);
      case 'h':
        return this.#recall(input.uint8());
      case 'j':
        return this.#recall(input.uint32());
      case 'g':
        return this.#recall(Number(input.line()));
      case '\x80':
        if (input.uint8() > 5) throw damaged('its pickle has an unknown protocol');
        return true;
      case '\x95':
        input.uint64();
        return true;
      default:
        return false;
    }
  }

  /** Opcodes that name a global, call one, or load a storage. */
  #object(op: number): boolean {
    const input = this.#in;
    switch (String.fromCharCode(op)) {
      case 'c':
        return this.#global(input.line(), input.line());
      case '\x93': {
        const [module, name] = this.#popMany(2);
        return this.#global(String(module), String(name));
      }
      case 'R':
      case '\x81': {
        const args = this.#pop();
        return this.#push(this.#build(this.#pop(), args));
      }
      case '\x92': {
        const keywords = this.#pop();
        const args = this.#pop();
        const made = this.#build(this.#pop(), args);
        if (keywords instanceof Map && keywords.size > 0) {
          if (!(made instanceof OpaqueObject)) throw unsupported('it has plain data with keyword arguments');
          made.entries = keywords;
        }
        return this.#push(made);
      }
      case 'i':
        this.#global(input.line(), input.line());
        return this.#push(this.#build(this.#pop(), tupleOf(this.#popMark())));
      case 'o': {
        const [callable, ...args] = this.#popMark();
        return this.#push(this.#build(callable, tupleOf(args)));
      }
      case 'b': {
        const state = this.#pop();
        return this.#push(this.#setState(this.#pop(), state));
      }
      case 'Q':
        return this.#push(this.#storage(this.#pop()));
      case 'P':
        throw unsupported('it has a text persistent id');
      case '\x82':
      case '\x83':
      case '\x84':
        throw unsupported('it uses the copyreg extension registry');
      case '\x97':
      case '\x98':
        throw unsupported('it has out-of-band buffers');
      default:
        return false;
    }
  }

  #global(module: string, name: string): boolean {
    const found = findGlobal(module, name);
    if (found.isRefused) this.#refused ??= found;
    return this.#push(found);
  }

  #build(callable: PthValue | undefined, args: PthValue): PthValue {
    if (callable instanceof GlobalRef && callable.isRefused) {
      const shown = Array.isArray(args) ? args.map((arg) => pythonRepr(arg)).join(', ') : pythonRepr(args);
      throw unsafeGlobal(callable.qualifiedName, `${callable.qualifiedName}(${shown})`);
    }
    return callGlobal(callable, args, this.#builder);
  }

  #setState(target: PthValue, state: PthValue): PthValue {
    if (target instanceof OrderedMap) {
      const attributes = Array.isArray(state) ? state[0] : state;
      if (attributes instanceof Map) target.attributes = attributes;
      return target;
    }
    if (target instanceof NumpyDtype) {
      setDtypeState(target, state);
      return target;
    }
    if (target instanceof NumpyArrayShell) {
      const array = makeNumpyArray(state);
      // The same array may have been remembered, and stand elsewhere.
      for (const [index, value] of this.#memo) if (value === target) this.#memo.set(index, array);
      return array;
    }
    // Attributes that someone set on a tensor.
    if (target instanceof TorchTensor) return target;
    if (!(target instanceof PyObjectStub) || target instanceof GlobalRef)
      throw damaged('its pickle sets a state on plain data');
    target.state = state;
    return target;
  }

  /** ('storage', class, key, location, elements[, view]); view = (key, offset, elements) in the old format. */
  #storage(id: PthValue): PthValue {
    const [kind, type, key, , count, view] = Array.isArray(id) ? id : [];
    const className = storageClassOf(type);
    // A whole module of the old format: its class, with the source text beside it.
    if (kind === 'module' && type instanceof PyObjectStub) return type;
    if (kind !== 'storage') return new OpaqueObject('pickle.persistent_id', 'persistent_id', [id]);
    if (className === undefined) throw damaged('a storage has no class');
    if (typeof count !== 'number' || count < 0) throw damaged(`storage ${String(key)} has no size`);
    const storage = this.#builder.storage(className, String(key), count);
    if (!Array.isArray(view)) return storage;
    const [, offset = NaN, size = NaN] = view.map(Number);
    if (!(offset >= 0 && size >= 0 && offset + size <= count))
      throw damaged(`a view leaves storage ${storage.key}`);
    return new StorageRef(storage.dtype, storage.key, offset, size);
  }

  #append(items: readonly PthValue[]): true {
    const top = this.#top();
    if (top instanceof OpaqueObject) top.items ??= [];
    const list = top instanceof OpaqueObject ? top.items : top;
    if (!Array.isArray(list) || list instanceof Tuple) throw damaged('items are appended to what is no list');
    for (const item of items) list.push(item);
    return true;
  }

  #add(items: readonly PthValue[]): true {
    const set = this.#top();
    if (set instanceof OpaqueObject) return this.#append(items);
    if (!(set instanceof Set)) throw damaged('items are added to what is no set');
    for (const item of items) set.add(toKey(item));
    return true;
  }

  #float(value: number): number | PyFloat {
    return this.#keepFloats && Number.isInteger(value) ? new PyFloat(value) : value;
  }

  #push(value: PthValue): true {
    this.#stack.push(value);
    return true;
  }

  #pop(): PthValue {
    const value = this.#stack.pop();
    if (value === undefined) throw damaged('its pickle takes more than it has');
    return value;
  }

  #popMany(count: number): PthValue[] {
    if (this.#stack.length < count) throw damaged('its pickle takes more than it has');
    return this.#stack.splice(-count, count);
  }

  #popMark(): PthValue[] {
    const items = this.#stack;
    const below = this.#below.pop();
    if (!below) throw damaged('its pickle takes a mark that is not there');
    this.#stack = below;
    return items;
  }

  #top(): PthValue {
    return this.#at(0);
  }

  #at(depth: number): PthValue {
    const value = this.#stack.at(-1 - depth);
    if (value === undefined) throw damaged('its pickle takes more than it has');
    return value;
  }

  #remember(index: number): true {
    this.#memo.set(index, this.#top());
    return true;
  }

  #recall(index: number): true {
    const value = this.#memo.get(index);
    if (value === undefined) throw damaged(`its pickle recalls value ${index}, which it never stored`);
    return this.#push(value);
  }
}

/** `Tuple.of` without spreading: a long tuple must not overflow the call stack. */
function tupleOf(items: readonly PthValue[]): Tuple<PthValue> {
  const tuple = new Tuple<PthValue>();
  for (const item of items) tuple.push(item);
  return tuple;
}

function setItems(target: PthValue, items: readonly PthValue[]): true {
  if (target instanceof OpaqueObject) target.entries ??= new Map();
  const map = target instanceof OpaqueObject ? target.entries : target;
  if (!(map instanceof Map)) throw damaged('items are set on what is no dict');
  let key: PthValue | undefined;
  for (const item of items) {
    if (key === undefined) key = item;
    else {
      map.set(toKey(key), item);
      key = undefined;
    }
  }
  if (key !== undefined) throw damaged('a dict has a key without a value');
  return true;
}

function toKey(value: PthValue): PthKey {
  if (value instanceof PyFloat) return value.value;
  if (value instanceof NumpyScalar) return value.value;
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof Tuple || value instanceof Uint8Array || value instanceof PyObjectStub) return value;
  if (value instanceof Set) return new OpaqueObject('builtins.frozenset', 'frozenset', [value]);
  if (value instanceof TorchTensor) return new OpaqueObject('torch.Tensor', 'Tensor', [value]);
  throw damaged('a dict or a set has a key that Python can not hash');
}

function parseInteger(line: string, hasBooleans: boolean): number | bigint | boolean {
  if (hasBooleans && line === '01') return true;
  if (hasBooleans && line === '00') return false;
  if (!/^\s*[+-]?\d+\s*$/.test(line)) throw damaged(`its pickle has the integer ${JSON.stringify(line)}`);
  return toInteger(BigInt(line.trim().replace('+', '')));
}

/** Text of Python 2: UTF-8 where it is, otherwise bytes. */
function textOrBytes(bytes: Uint8Array): string | Uint8Array {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return bytes.slice();
  }
}
