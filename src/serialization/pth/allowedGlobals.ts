// The names of a checkpoint that become data here: each is a small function that builds plain values. What any other name would
// build is kept as an opaque object, and a name by which a program would run gets the file refused. Nothing is ever executed.

import { Tuple } from '../../util/tuple.ts';
import { damaged, unsupported } from './checkpointErrors.ts';
import { DTYPES, dtypeOfStorage, isTorchDtype, type TorchDtype } from './dtypes.ts';
import { makeNumpyDtype, makeNumpyScalar, NumpyArrayShell } from './numpy.ts';
import { StorageRef, type TensorBuilder } from './tensorBuilder.ts';
import { runsPrograms } from './refusedGlobals.ts';
import {
  OpaqueObject,
  OrderedMap,
  PyObjectStub,
  TorchTensor,
  UnreadableTensor,
  type PthKey,
  type PthValue,
} from './values.ts';

type Build = (args: readonly PthValue[], builder: TensorBuilder) => PthValue;

/** A global on the unpickler's stack. As a value it is a stub with its name. */
export class GlobalRef extends PyObjectStub {
  /** What a call of it builds; undefined where the result is opaque. */
  readonly build?: Build;
  /** True for a name by which loading in Python would run a program: the whole file is refused. */
  readonly isRefused: boolean;

  constructor(qualifiedName: string, typeName: string, build?: Build) {
    super(qualifiedName, typeName);
    this.isRefused = runsPrograms(qualifiedName);
    this.build = build;
  }
}

/** Look a global up. Names that are not on the list come back without `build`: what they would make stays opaque. */
export function findGlobal(module: string, name: string): GlobalRef {
  const full = `${PYTHON_2_MODULES[module] ?? module}.${name}`;
  const build = BUILDERS.get(full);
  if (build) return new GlobalRef(full, 'type', build);
  const isDtype = module === 'torch' && (Object.hasOwn(DTYPES, name) || TORCH_TYPES.has(name));
  return new GlobalRef(isDtype ? full : `${module}.${name}`, isDtype ? 'dtype' : 'type');
}

/**
 * What a call makes: data for a name on the list, else an opaque object with its arguments. Nothing is executed.
 * @throws CheckpointError `damaged` for arguments that the name on the list can't have
 */
export function callGlobal(callable: PthValue | undefined, args: PthValue, builder: TensorBuilder): PthValue {
  if (!(callable instanceof PyObjectStub)) throw damaged('its pickle calls what is no class or function');
  const list = Array.isArray(args) ? args : [args];
  if (callable instanceof GlobalRef && callable.build) {
    if (!Array.isArray(args)) throw damaged('its pickle calls with what is no tuple');
    return callable.build(list, builder);
  }
  return new OpaqueObject(callable.qualifiedName, classNameOf(callable.qualifiedName), list);
}

const PYTHON_2_MODULES: Readonly<Record<string, string>> = {
  __builtin__: 'builtins',
  copy_reg: 'copyreg',
  'numpy._core.multiarray': 'numpy.core.multiarray',
};
const TORCH_TYPES = new Set([
  'complex32',
  'uint16',
  'uint32',
  'uint64',
  'qint8',
  'quint8',
  'qint32',
  'half',
  'float',
  'double',
  'int',
  'long',
  'short',
]);
const UNREADABLE: readonly (readonly [name: string, kind: string])[] = [
  ['_rebuild_qtensor', 'quantised'],
  ['_rebuild_sparse_tensor', 'sparse'],
  ['_rebuild_sparse_csr_tensor', 'sparse'],
  ['_rebuild_meta_tensor_no_storage', 'empty (device meta)'],
  ['_rebuild_nested_tensor', 'nested'],
  ['_rebuild_device_tensor_from_numpy', 'foreign (of another device)'],
  ['_rebuild_xla_tensor', 'foreign (XLA)'],
  ['_rebuild_wrapper_subclass', 'foreign (a subclass without data)'],
];

const BUILDERS: ReadonlyMap<string, Build> = new Map<string, Build>([
  ['collections.OrderedDict', ([items]) => new OrderedMap(pairs(items))],
  ['builtins.dict', ([items]) => new Map(pairs(items))],
  ['builtins.list', ([items]) => listOf(items)],
  ['builtins.tuple', ([items]) => Tuple.of(...listOf(items))],
  ['builtins.set', ([items]) => new Set(listOf(items) as PthKey[])],
  ['builtins.frozenset', ([items]) => new Set(listOf(items) as PthKey[])],
  ['builtins.bytes', ([items]) => Uint8Array.from(listOf(items), Number)],
  ['builtins.bytearray', ([data]) => (data instanceof Uint8Array ? data : encodeLatin1([data ?? '']))],
  ['builtins.complex', (args) => new PyObjectStub('builtins.complex', 'complex', args)],
  ['_codecs.encode', encodeLatin1],
  ['numpy.dtype', makeNumpyDtype],
  ['numpy.core.multiarray._reconstruct', () => new NumpyArrayShell()],
  ['numpy.core.multiarray.scalar', makeNumpyScalar],
  ['torch.Size', ([items]) => Tuple.of(...listOf(items))],
  ['torch.device', (args) => new PyObjectStub('torch.device', 'device', args)],
  [
    'torch.serialization._get_layout',
    (args) => new PyObjectStub('torch.serialization._get_layout', 'layout', args),
  ],
  ['torch._utils._rebuild_tensor', (args, builder) => rebuildTensor([...args.slice(0, 4), false], builder)],
  ['torch._utils._rebuild_tensor_v2', rebuildTensor],
  ['torch._utils._rebuild_tensor_v3', rebuildTensor],
  ['torch._utils._rebuild_parameter', rebuildParameter],
  ['torch._utils._rebuild_parameter_with_state', rebuildParameter],
  ['torch.nn.parameter.Parameter', rebuildParameter],
  ['torch._tensor._rebuild_from_type_v2', rebuildFromType],
  ...UNREADABLE.map(([name, kind]): [string, Build] => [
    `torch._utils.${name}`,
    (args) => new UnreadableTensor(`torch._utils.${name}`, kind, args),
  ]),
  ['copyreg._reconstructor', reconstruct],
]);

/** _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks); v3 adds the dtype. */
function rebuildTensor(args: readonly PthValue[], builder: TensorBuilder): PthValue {
  const [storage, offset, shape, strides, requiresGrad, , dtype] = args;
  if (storage instanceof OpaqueObject)
    return new UnreadableTensor(storage.qualifiedName, 'foreign (its storage is pickled by itself)', args);
  if (!(storage instanceof StorageRef)) throw damaged('a tensor has no storage');
  return builder.tensor(storage, {
    offset: Number(offset),
    shape: listOf(shape).map(Number),
    strides: listOf(strides).map(Number),
    requiresGrad: requiresGrad === true,
    dtype: dtype instanceof GlobalRef ? tensorDtype(dtype) : undefined,
  });
}

function tensorDtype(dtype: GlobalRef): TorchDtype {
  const name = dtype.qualifiedName.replace('torch.', '');
  if (isTorchDtype(name)) return name;
  throw unsupported(`it has a tensor of ${dtype.qualifiedName}`);
}

function rebuildParameter([tensor, requiresGrad]: readonly PthValue[]): PthValue {
  if (!(tensor instanceof TorchTensor)) return tensor ?? null;
  const { shape, dtype, data } = tensor;
  return new TorchTensor({ shape, dtype, data, requiresGrad: requiresGrad !== false });
}

/** _rebuild_from_type_v2(function, type, args, state): a tensor with attributes, which are dropped. */
function rebuildFromType([build, , args]: readonly PthValue[], builder: TensorBuilder): PthValue {
  if (!(build instanceof GlobalRef)) throw damaged('a tensor names no function that rebuilds it');
  return callGlobal(build, Tuple.of(...listOf(args)), builder);
}

/** _reconstructor(class, base, state): how protocols 0 and 1 make an object; its contents come with BUILD. */
function reconstruct([type, , state]: readonly PthValue[], builder: TensorBuilder): PthValue {
  const made = callGlobal(type, new Tuple<PthValue>(), builder);
  if (!(made instanceof OpaqueObject)) return made;
  if (state instanceof Map) made.entries = state;
  else if (Array.isArray(state)) made.items = state;
  return made;
}

/** `Namespace` of `argparse.Namespace`. */
function classNameOf(qualifiedName: string): string {
  return qualifiedName.slice(qualifiedName.lastIndexOf('.') + 1);
}

/** _codecs.encode(text, 'latin1'): how protocol 2 spells bytes. */
function encodeLatin1([text]: readonly PthValue[]): Uint8Array {
  if (typeof text !== 'string') throw damaged('bytes are not spelt as text');
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}

function pairs(items: PthValue | undefined): [PthKey, PthValue][] {
  if (items instanceof Map) return [...items];
  return listOf(items).map((pair) => {
    const [key, value = null] = listOf(pair);
    return [key as PthKey, value];
  });
}

function listOf(value: PthValue | undefined): PthValue[] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return [...value];
  if (value instanceof Set) return [...value];
  throw damaged('a sequence was expected');
}

/** Storage class of a persistent id, such as `FloatStorage`; undefined when it is none. */
export function storageClassOf(value: PthValue | undefined): string | undefined {
  if (!(value instanceof GlobalRef)) return undefined;
  const name = classNameOf(value.qualifiedName);
  return dtypeOfStorage(name) || name.endsWith('Storage') ? name : undefined;
}
