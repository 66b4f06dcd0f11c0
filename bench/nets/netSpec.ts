// A net as plain data: every contender, PyTorch included, builds the same one from it.
import { at, take } from '../../src/util/at.ts';

export type Activation = 'relu' | 'relu6';

/** A trainable tensor in PyTorch's shape. Its values come from {@link parameterValues}. */
export interface ParamSpec {
  /** `weight`: [out, in / groups, kh, kw]; the others: [channels]. */
  readonly kind: 'weight' | 'bias' | 'gamma' | 'beta';
  readonly shape: readonly number[];
  /** Of a weight: its variance times the fan-in. */
  readonly gain: number;
}

/** One layer. `x` and `y` number the values it reads: 0 is the picture, i + 1 the output of node i. */
export type Node =
  | {
      readonly op: 'conv';
      readonly x: number;
      /** Indices into {@link NetSpec.params}. */
      readonly weight: number;
      readonly bias: number | null;
      readonly stride: number;
      readonly padding: number;
      /** 1, or the number of channels (depthwise). */
      readonly groups: number;
      readonly activation: Activation | null;
    }
  | {
      /** Batch norm by the batch's own statistics, eps 1e-5. No one keeps running statistics. */
      readonly op: 'norm';
      readonly x: number;
      readonly gamma: number;
      readonly beta: number;
      readonly activation: Activation | null;
    }
  | { readonly op: 'relu'; readonly x: number }
  | { readonly op: 'add'; readonly x: number; readonly y: number }
  /** 3x3, stride 2, padding 1; its input is never negative. */
  | { readonly op: 'maxPool'; readonly x: number }
  /** Nearest, to twice the size. */
  | { readonly op: 'upsample'; readonly x: number };

/** Rows, columns, channels. */
export type MapShape = readonly [number, number, number];

export interface NetSpec {
  readonly name: string;
  /** What it is, for the report. */
  readonly title: string;
  readonly batch: number;
  /** Of every value, the picture first. */
  readonly shapes: readonly MapShape[];
  readonly params: readonly ParamSpec[];
  readonly nodes: readonly Node[];
  /** The values of which the loss is made: sum over them of mean(v^2). */
  readonly outputs: readonly number[];
}

/** SGD with momentum, for every net and contender (torchPeer.py has the same); large enough that two updates show. */
export const LR = 0.02;
export const MOMENTUM = 0.9;

interface ConvOptions {
  readonly stride?: number;
  readonly hasBias?: boolean;
  readonly isDepthwise?: boolean;
  readonly activation?: Activation;
}

/** Layers made once and applied to one or more values (a head is shared by its levels). */
type Layer = (x: number) => number;

/** Puts a {@link NetSpec} together; values are handed around by number. */
export class NetBuilder {
  readonly image = 0;
  readonly #batch: number;
  readonly #shapes: MapShape[];
  readonly #params: ParamSpec[] = [];
  readonly #nodes: Node[] = [];

  constructor(batch: number, image: MapShape) {
    this.#batch = batch;
    this.#shapes = [image];
  }

  /** A convolution whose weights exist once; `inChannels` in, padding (size - 1) / 2. */
  conv(inChannels: number, outChannels: number, size: number, options: ConvOptions = {}): Layer {
    const { stride = 1, hasBias = false, isDepthwise = false, activation = null } = options;
    const groups = isDepthwise ? inChannels : 1;
    // He's 2 before a batch norm, which forgives anything; less where nothing keeps values and gradients small.
    const gain = hasBias ? 1 : 2;
    const weight = this.#param('weight', [outChannels, inChannels / groups, size, size], gain);
    const bias = hasBias ? this.#param('bias', [outChannels]) : null;
    const padding = (size - 1) / 2;
    const out = (n: number): number => Math.floor((n + 2 * padding - size) / stride) + 1;
    return (x) => {
      const [h, w] = at(this.#shapes, x);
      const node: Node = { op: 'conv', x, weight, bias, stride, padding, groups, activation };
      return this.#push(node, [out(h), out(w), outChannels]);
    };
  }

  /** Batch norm of `channels` channels. */
  norm(channels: number, activation: Activation | null = null): Layer {
    const gamma = this.#param('gamma', [channels]);
    const beta = this.#param('beta', [channels]);
    return (x) => this.#push({ op: 'norm', x, gamma, beta, activation }, at(this.#shapes, x));
  }

  relu(x: number): number {
    return this.#push({ op: 'relu', x }, at(this.#shapes, x));
  }

  add(x: number, y: number): number {
    return this.#push({ op: 'add', x, y }, at(this.#shapes, x));
  }

  maxPool(x: number): number {
    const [h, w, c] = take(at(this.#shapes, x), 3);
    return this.#push({ op: 'maxPool', x }, [Math.floor((h - 1) / 2) + 1, Math.floor((w - 1) / 2) + 1, c]);
  }

  upsample(x: number): number {
    const [h, w, c] = take(at(this.#shapes, x), 3);
    return this.#push({ op: 'upsample', x }, [2 * h, 2 * w, c]);
  }

  build(name: string, title: string, outputs: readonly number[]): NetSpec {
    return {
      name,
      title,
      batch: this.#batch,
      shapes: this.#shapes,
      params: this.#params,
      nodes: this.#nodes,
      outputs,
    };
  }

  #param(kind: ParamSpec['kind'], shape: readonly number[], gain = 0): number {
    return this.#params.push({ kind, shape, gain }) - 1;
  }

  #push(node: Node, shape: MapShape): number {
    this.#nodes.push(node);
    return this.#shapes.push(shape) - 1;
  }
}

/**
 * Initial values of parameter `index`, in PyTorch's order: weights uniform with variance gain / fan_in (a hash of the
 * position, the same in torchPeer.py), gamma 1, the others 0.
 */
export function parameterValues({ kind, shape, gain }: ParamSpec, index: number): Float32Array {
  const size = shape.reduce((a, b) => a * b, 1);
  const values = new Float32Array(size);
  if (kind === 'gamma') return values.fill(1);
  if (kind !== 'weight') return values;
  const bound = Math.sqrt((3 * gain * at(shape, 0)) / size);
  return values.map((_, i) => bound * (2 * hash(i, index) - 1));
}

/** The batch of a net: float32 [batch, rows, columns, channels] in [-1, 1). */
export function imageValues({ batch, shapes }: NetSpec): Float32Array {
  const [h, w, c] = take(at(shapes, 0), 3);
  return new Float32Array(batch * h * w * c).map((_, i) => 2 * hash(i, -1) - 1);
}

/** In [0, 1). */
function hash(i: number, seed: number): number {
  const x = Math.sin(i * 12.9898 + seed * 78.233) * 4375.8547;
  return x - Math.floor(x);
}

/**
 * Floating point operations of the convolutions of one training step, a multiply-add being 2: forward, filter gradient
 * and, but for layers that read the picture, input gradient. All else is left out, so a rate made from it is modest.
 */
export function stepFlops({ batch, shapes, params, nodes }: NetSpec): number {
  let flops = 0;
  nodes.forEach((node, i) => {
    if (node.op !== 'conv') return;
    const [h, w] = take(at(shapes, i + 1), 2);
    const size = at(params, node.weight).shape.reduce((a, b) => a * b, 1);
    flops += 2 * batch * h * w * size * (node.x === 0 ? 2 : 3);
  });
  return flops;
}
