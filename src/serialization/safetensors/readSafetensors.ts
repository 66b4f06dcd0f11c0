// Safetensors: 8 bytes of header length, a JSON header, the tensors' bytes. Nothing in it can be executed.
// Source: the format's description, github.com/huggingface/safetensors README (0.5).

import { CheckpointError } from '../../errors/index.ts';
import { bytesPerElement, viewAs, type TorchDtype } from '../pth/dtypes.ts';
import { countOf, TorchTensor, type PthKey, type PthValue } from '../pth/values.ts';
import type { ByteSource } from '../zip/byteSource.ts';

/** The format's own limit. */
const MAX_HEADER_BYTES = 100_000_000;

const DTYPE_OF: ReadonlyMap<string, TorchDtype> = new Map<string, TorchDtype>([
  ['F64', 'float64'],
  ['F32', 'float32'],
  ['F16', 'float16'],
  ['BF16', 'bfloat16'],
  ['F8_E4M3', 'float8_e4m3fn'],
  ['F8_E5M2', 'float8_e5m2'],
  ['F8_E8M0', 'float8_e8m0fnu'],
  ['I64', 'int64'],
  ['I32', 'int32'],
  ['I16', 'int16'],
  ['I8', 'int8'],
  ['U64', 'uint64'],
  ['U32', 'uint32'],
  ['U16', 'uint16'],
  ['U8', 'uint8'],
  ['BOOL', 'bool'],
  ['C64', 'complex64'],
]);

interface Entry {
  readonly name: string;
  readonly dtype: TorchDtype;
  readonly shape: readonly number[];
  /** In the file. */
  readonly start: number;
  readonly end: number;
}

/** Whether the first bytes (9 or more) are those of a safetensors file: a plausible length and a `{`. */
export function isSafetensors(head: Uint8Array): boolean {
  return head[8] === 0x7b && (headerLength(head) ?? Infinity) <= MAX_HEADER_BYTES;
}

/**
 * Read a file: a dict of `state_dict` (tensors by name, in the header's order) and, where the file has one, `meta` (its
 * `__metadata__`, texts by name).
 * @throws CheckpointError `damaged` when it is cut or its header doesn't fit its bytes; `unsupported` for an unknown dtype
 */
export async function readSafetensors(source: ByteSource): Promise<Map<PthKey, PthValue>> {
  const { entries, metadata } = await readHeader(source);
  const state = new Map<PthKey, PthValue>();
  for (const { name, dtype, shape, start, end } of entries) {
    const bytes = await source.read(start, end);
    if (bytes.length !== end - start) throw damaged(`it ends inside ${name}`);
    state.set(name, new TorchTensor({ dtype, shape, data: viewAs(dtype, bytes) }));
  }
  const root = new Map<PthKey, PthValue>();
  if (metadata) root.set('meta', metadata);
  return root.set('state_dict', state);
}

/** Check the header against the file's size, without reading tensors. @throws CheckpointError as {@link readSafetensors} */
export async function verifySafetensors(source: ByteSource): Promise<{ storages: number; bytes: number }> {
  const { entries } = await readHeader(source);
  return { storages: entries.length, bytes: entries.reduce((sum, { start, end }) => sum + end - start, 0) };
}

async function readHeader(
  source: ByteSource,
): Promise<{ entries: Entry[]; metadata: Map<PthKey, PthValue> | null }> {
  const length = headerLength(await source.read(0, 8));
  if (length === undefined || length > MAX_HEADER_BYTES || 8 + length > source.size)
    throw damaged('its header reaches beyond its end');
  const header = parseHeader(await source.read(8, 8 + length));
  const entries: Entry[] = [];
  let metadata: Map<PthKey, PthValue> | null = null;
  for (const [name, value] of Object.entries(header)) {
    if (name !== '__metadata__') entries.push(entryOf(name, value, 8 + length, source.size));
    else if (isDict(value)) metadata = new Map(Object.entries(value).map(([k, v]) => [k, String(v)]));
  }
  return { entries, metadata };
}

function entryOf(name: string, value: unknown, dataStart: number, size: number): Entry {
  const { dtype: code, shape, data_offsets: offsets } = isDict(value) ? value : {};
  const dtype = DTYPE_OF.get(String(code));
  if (!dtype)
    throw new CheckpointError(
      `a safetensors tensor must have a dtype of PyTorch, ${name} has ${String(code)}`,
      {
        code: 'unsupported',
        hint: 'convert it in Python: {name: tensor.float() …}',
      },
    );
  if (!isNaturals(shape)) throw damaged(`${name} has the shape ${JSON.stringify(shape)}`);
  const [begin, end] = isNaturals(offsets) ? offsets : [];
  const wanted = countOf(shape) * bytesPerElement(dtype);
  if (begin === undefined || end === undefined || end - begin !== wanted)
    throw damaged(`${name} should have ${wanted} bytes, got the offsets ${JSON.stringify(offsets)}`);
  if (dataStart + end > size) throw damaged(`it ends before ${name}`);
  return { name, dtype, shape, start: dataStart + begin, end: dataStart + end };
}

function parseHeader(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw damaged('its header is no JSON', cause);
  }
  if (!isDict(header)) throw damaged('its header is no JSON object');
  return header;
}

function headerLength(head: Uint8Array): number | undefined {
  if (head.length < 8) return undefined;
  return Number(new DataView(head.buffer, head.byteOffset).getBigUint64(0, true));
}

function isNaturals(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

function isDict(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function damaged(detail: string, cause?: unknown): CheckpointError {
  return new CheckpointError(`safetensors file must be complete and unchanged: ${detail}`, {
    code: 'damaged',
    hint: 'the file is damaged: copy or download it again',
    cause,
  });
}
