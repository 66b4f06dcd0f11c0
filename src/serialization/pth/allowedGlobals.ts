// The closed list of names that a checkpoint may mention. None of them runs anything of the file: each is a small
// function here that builds plain data. Every other name is refused.

import { Tuple } from '../../util/tuple.ts';
import { damaged, unsupported } from './checkpointErrors.ts';
import { DTYPES, dtypeOfStorage, type TorchDtype } from './dtypes.ts';
import { makeNumpyDtype, makeNumpyScalar, NumpyArrayShell } from './numpy.ts';
import { StorageRef, type TensorBuilder } from './tensorBuilder.ts';
import { OrderedMap, PyObjectStub, TorchTensor, type PthKey, type PthValue } from './values.ts';

type Build = (args: readonly PthValue[], builder: TensorBuilder) => PthValue;

/** A global on the unpickler's stack. As a value it is a stub with its name. */
export class GlobalRef extends PyObjectStub {
  /** Undefined for a name that is not on the list. */
  readonly build?: Build;
  readonly isAllowed: boolean;

  constructor(qualifiedName: string, typeName: string, isAllowed: boolean, build?: Build) {
    super(qualifiedName, typeName);
    this.isAllowed = isAllowed;
    this.build = build;
  }
}

/** Look a global up. Names that are not on the list come back with `isAllowed` false. */
export function findGlobal(module: string, name: string): GlobalRef {
  const full = `${PYTHON_2_MODULES[module] ?? module}.${name}`;
  const build = BUILDERS.get(full);
  if (build) return new GlobalRef(full, 'type', true, build);
  const isDtype = module === 'torch' && (Object.hasOwn(DTYPES, name) || TORCH_TYPES.has(name));
  if (isDtype) return new GlobalRef(full, 'dtype', true);
  const isStorage = /^torch(\.storage|\.cuda)?$/.test(module) && /^[A-Za-z0-9]+Storage$/.test(name);
  if (isStorage || PLAIN_CLASSES.has(full)) return new GlobalRef(full, 'type', true);
  return new GlobalRef(`${module}.${name}`, 'type', false);
}

const PYTHON_2_MODULES: Readonly<Record<string, string>> = {
  __builtin__: 'builtins',
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
const PLAIN_CLASSES = new Set(['numpy.ndarray', 'torch.Tensor']);

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
  [
    'torch._utils._rebuild_tensor',
    ([storage, offset, shape, strides], builder) =>
      rebuildTensor([storage, offset, shape, strides, false], builder),
  ],
  ['torch._utils._rebuild_tensor_v2', rebuildTensor],
  ['torch._utils._rebuild_tensor_v3', rebuildTensor],
  ['torch._utils._rebuild_parameter', rebuildParameter],
  ['torch._utils._rebuild_parameter_with_state', rebuildParameter],
  ['torch.nn.parameter.Parameter', rebuildParameter],
  ['torch._tensor._rebuild_from_type_v2', rebuildFromType],
  ...['sparse_tensor', 'sparse_csr_tensor', 'qtensor', 'meta_tensor_no_storage', 'nested_tensor'].map(
    (kind): [string, Build] => [`torch._utils._rebuild_${kind}`, () => refuseTensor(kind)],
  ),
]);

/** _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks); v3 adds the dtype. */
function rebuildTensor(args: readonly PthValue[], builder: TensorBuilder): PthValue {
  const [storage, offset, shape, strides, requiresGrad, , dtype] = args;
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
  if (Object.hasOwn(DTYPES, name)) return name as TorchDtype;
  throw unsupported(`it has a tensor of ${dtype.qualifiedName}`);
}

function rebuildParameter([tensor, requiresGrad]: readonly PthValue[]): PthValue {
  if (!(tensor instanceof TorchTensor)) return tensor ?? null;
  const { shape, dtype, data } = tensor;
  return new TorchTensor({ shape, dtype, data, requiresGrad: requiresGrad !== false });
}

/** _rebuild_from_type_v2(function, type, args, state): a tensor with attributes, which are dropped. */
function rebuildFromType([build, , args]: readonly PthValue[], builder: TensorBuilder): PthValue {
  if (!(build instanceof GlobalRef) || !build.build)
    throw damaged('a tensor names no function that rebuilds it');
  return build.build(listOf(args), builder);
}

function refuseTensor(kind: string): never {
  throw unsupported(
    `it has a ${kind.replaceAll('_', ' ')}`,
    'convert the tensors with .to_dense() or .float() first',
  );
}

/** _codecs.encode(text, 'latin1'): how protocol 2 spells bytes. */
function encodeLatin1([text]: readonly PthValue[]): Uint8Array {
  if (typeof text !== 'string') throw damaged('bytes are not spelt as text');
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}

function pairs(items: PthValue | undefined): [PthKey, PthValue][] {
  if (items instanceof Map) return [...items];
  return listOf(items).map((pair) => {
    const [key, value] = listOf(pair);
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
  const name = value.qualifiedName.slice(value.qualifiedName.lastIndexOf('.') + 1);
  return dtypeOfStorage(name) || name.endsWith('Storage') ? name : undefined;
}
