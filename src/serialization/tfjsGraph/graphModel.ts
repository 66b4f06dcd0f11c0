// Graph models of TensorFlow.js: a JSON text with nodes and a table of weights, and files with their bytes.
// Source: the format's description in tfjs-core's io types (`ModelJSON`, `WeightsManifestConfig`) and tfjs-converter's docs.

import { CheckpointError } from '../../errors/index.ts';
import { halfToNumber } from '../pth/dtypes.ts';
import { countOf } from '../pth/values.ts';

export interface GraphNode {
  readonly name: string;
  /** Such as `Conv2D`. */
  readonly op: string;
  /** Names of the nodes whose outputs it takes. */
  readonly inputs: readonly string[];
}

export interface GraphWeight {
  readonly shape: readonly number[];
  /** In row-major order. */
  readonly values: Float32Array;
}

export interface GraphModel {
  readonly nodes: ReadonlyMap<string, GraphNode>;
  /** Shapes of what comes out, by the name of the node that gives it. */
  readonly outputs: ReadonlyMap<string, readonly number[]>;
  readonly weights: ReadonlyMap<string, GraphWeight>;
}

type Dict = Readonly<Record<string, unknown>>;

/** Whether a text is that of a graph model. */
export function isGraphModel(text: string): boolean {
  return /^\s*\{/.test(text) && /"format"\s*:\s*"graph-model"/.test(text.slice(0, 4096));
}

/** Names of the files with a graph model's weights, beside it. @throws CheckpointError `damaged` */
export function weightFiles(text: string): string[] {
  return groupsOf(parse(text)).flatMap(({ paths }) => paths);
}

/**
 * Read a graph model.
 * @param text the JSON @param readFile gives the bytes of one of its {@link weightFiles}
 * @throws CheckpointError `damaged` where text or files are cut; `unsupported` for a dtype that is not read
 */
export async function readGraphModel(
  text: string,
  readFile: (name: string) => Promise<Uint8Array>,
): Promise<GraphModel> {
  const model = parse(text);
  const weights = new Map<string, GraphWeight>();
  for (const { paths, entries } of groupsOf(model)) {
    const parts: Uint8Array[] = [];
    for (const path of paths) parts.push(await readFile(path));
    const bytes = parts.length === 1 && parts[0] ? parts[0] : joined(parts);
    let at = 0;
    for (const entry of entries) {
      const size = countOf(entry.shape) * BYTES[entry.stored];
      if (at + size > bytes.length)
        throw damaged(`${paths.join(', ')} must have the bytes of ${entry.name}, but ends before them`);
      weights.set(entry.name, { shape: entry.shape, values: decode(entry, bytes.subarray(at, at + size)) });
      at += size;
    }
    if (at !== bytes.length)
      throw damaged(`${paths.join(', ')} must have ${at} bytes, but has ${bytes.length}`);
  }
  return { nodes: nodesOf(model), outputs: outputsOf(model), weights };
}

const BYTES = { float32: 4, int32: 4, bool: 1, float16: 2, uint8: 1, uint16: 2 } as const;
type Stored = keyof typeof BYTES;

interface Entry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly stored: Stored;
  /** Of whole numbers that stand for floats: value = min + scale * number. */
  readonly scale: number;
  readonly min: number;
}

interface Group {
  readonly paths: readonly string[];
  readonly entries: readonly Entry[];
}

function parse(text: string): Dict {
  try {
    const model: unknown = JSON.parse(text);
    if (isDict(model)) return model;
  } catch (cause) {
    throw damaged('it is no JSON', cause);
  }
  throw damaged('it is no JSON object');
}

function groupsOf({ weightsManifest }: Dict): Group[] {
  return dictsOf(weightsManifest, 'weightsManifest').map(({ paths, weights }) => {
    if (!Array.isArray(paths) || !paths.every((path) => typeof path === 'string'))
      throw damaged('weightsManifest names no files');
    return { paths, entries: dictsOf(weights, 'weightsManifest.weights').map(entryOf) };
  });
}

function entryOf({ name, shape, dtype, quantization }: Dict): Entry {
  if (typeof name !== 'string' || !isNaturals(shape)) throw damaged('a weight has no name or shape');
  const packed = isDict(quantization) ? quantization : {};
  const stored = String(packed.dtype ?? dtype);
  if (!(stored in BYTES))
    throw new CheckpointError(`a weight of a graph model must be a number, ${name} is ${stored}`, {
      code: 'unsupported',
    });
  const { scale = 1, min = 0 } = packed;
  return { name, shape, stored: stored as Stored, scale: Number(scale), min: Number(min) };
}

function decode({ stored, scale, min }: Entry, bytes: Uint8Array): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = new Float32Array(bytes.length / BYTES[stored]);
  const numberAt: (at: number) => number = {
    float32: (at: number) => view.getFloat32(at, true),
    int32: (at: number) => view.getInt32(at, true),
    bool: (at: number) => view.getUint8(at),
    float16: (at: number) => halfToNumber(view.getUint16(at, true)),
    uint8: (at: number) => min + scale * view.getUint8(at),
    uint16: (at: number) => min + scale * view.getUint16(at, true),
  }[stored];
  for (let i = 0; i < values.length; i++) values[i] = numberAt(i * BYTES[stored]);
  return values;
}

function nodesOf({ modelTopology }: Dict): Map<string, GraphNode> {
  const nodes = dictsOf(isDict(modelTopology) ? modelTopology.node : null, 'modelTopology.node');
  return new Map(
    nodes.map(({ name, op, input }): [string, GraphNode] => {
      const inputs = Array.isArray(input) ? input.map((one) => nodeName(String(one))) : [];
      return [String(name), { name: String(name), op: String(op), inputs }];
    }),
  );
}

function outputsOf({ signature }: Dict): Map<string, readonly number[]> {
  const outputs = isDict(signature) && isDict(signature.outputs) ? signature.outputs : {};
  return new Map(
    Object.values(outputs).flatMap((one): [string, readonly number[]][] => {
      if (!isDict(one) || !isDict(one.tensorShape)) return [];
      const sizes = dictsOf(one.tensorShape.dim, 'signature.outputs').map(({ size }) => Number(size));
      return [[nodeName(String(one.name)), sizes]];
    }),
  );
}

/** `^a:1` is an output of `a`. */
function nodeName(input: string): string {
  return input.replace(/^\^/, '').replace(/:\d+$/, '');
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function dictsOf(value: unknown, what: string): Dict[] {
  if (Array.isArray(value) && value.every(isDict)) return value;
  throw damaged(`it has no ${what}`);
}

function isDict(value: unknown): value is Dict {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isNaturals(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

function damaged(detail: string, cause?: unknown): CheckpointError {
  return new CheckpointError(`a TensorFlow.js graph model must be complete and unchanged: ${detail}`, {
    code: 'damaged',
    hint: 'the file is damaged: copy or download it again',
    cause,
  });
}
