// Trainable tensors and buffers: PyTorch's shapes and order at the door, the GPU's layout behind it.
// A value lives on the CPU until the GPU is first asked for it, so that a model can be built, initialised and
// saved without an adapter, and is uploaded once.

import { invariant } from '../errors/index.ts';
import {
  allocating,
  assign,
  dispose,
  read,
  tensor,
  variable,
  type MemoryNeed,
  type Tensor,
  type Variable,
} from '../gpu/index.ts';
import { gpuShape, torchToGpu, gpuToTorch, type Layout } from './layout.ts';

export type { Layout } from './layout.ts';

/** A tensor as a state dict holds it (structurally `serialization`'s TorchTensor): C order, PyTorch's axes. */
export interface StateTensor {
  readonly shape: readonly number[];
  /** `float32`, `int64`… */
  readonly dtype: string;
  readonly data: ArrayLike<number> | ArrayLike<bigint>;
}

/** What a parameter or buffer knows of the module that registers it. */
interface NamedModule {
  readonly fullName: string;
}

/** Where a parameter or buffer hangs. */
interface Owner {
  readonly module: NamedModule;
  readonly key: string;
}

abstract class Stored {
  /** PyTorch's shape, such as [out, in, kh, kw]. */
  readonly shape: readonly number[];
  /** Number of values. */
  readonly size: number;
  #owner: Owner | null = null;

  constructor(shape: readonly number[]) {
    this.shape = [...shape];
    this.size = shape.reduce((a, b) => a * b, 1);
  }

  /** Full dotted name from the root of the tree, such as `backbone.layer1.0.conv1.weight`. */
  get name(): string {
    const owner = this.#owner;
    if (!owner) return '';
    const prefix = owner.module.fullName;
    return prefix === '' ? owner.key : `${prefix}.${owner.key}`;
  }

  /** What the GPU's memory is for. */
  protected get need(): MemoryNeed {
    return { what: `the values of ${this.name}`, path: 'model', hint: 'a smaller model needs less' };
  }

  /** Called by `Module.addParameter` and `addBuffer`; the first owner names a shared tensor. */
  setOwner(module: NamedModule, key: string): void {
    this.#owner ??= { module, key };
  }
}

/** float32 values that are on the CPU (PyTorch order) until first used, then in a GPU variable (GPU layout). */
class StoredFloats {
  readonly #shape: readonly number[];
  readonly #layout: Layout;
  #host: Float32Array | null;
  #variable: Variable | null = null;

  constructor(shape: readonly number[], size: number, layout: Layout, fill: number) {
    this.#shape = shape;
    this.#layout = layout;
    this.#host = new Float32Array(size);
    // Untouched zeros take no memory: a model that is only looked at costs nothing.
    if (fill !== 0) this.#host.fill(fill);
  }

  /** Move the values to the GPU, once. */
  upload(trainable: boolean): Variable {
    const host = this.#host;
    invariant(host, 'a disposed parameter was used');
    const initial = this.#tensorOf(host);
    try {
      this.#variable = variable(initial, trainable);
    } finally {
      dispose(initial);
    }
    this.#host = null;
    return this.#variable;
  }

  /** The GPU variable if the value has moved there. */
  get resident(): Variable | null {
    return this.#variable;
  }

  /** Queues the readback before it first waits. */
  async read(): Promise<Float32Array> {
    if (!this.#variable) {
      invariant(this.#host, 'a disposed parameter was read');
      return this.#host.slice();
    }
    const data = await read(this.#variable);
    invariant(data instanceof Float32Array, 'parameters are float32');
    return gpuToTorch(data, this.#shape, this.#layout);
  }

  set(data: Float32Array): void {
    if (this.#variable) {
      const value = this.#tensorOf(data);
      assign(this.#variable, value);
      dispose(value);
    } else {
      invariant(this.#host, 'a disposed parameter was set');
      this.#host.set(data);
    }
  }

  free(): void {
    if (this.#variable) dispose(this.#variable);
    this.#variable = null;
    this.#host = null;
  }

  #tensorOf(data: Float32Array): Tensor {
    const shape = gpuShape(this.#shape, this.#layout);
    return tensor(torchToGpu(data, this.#shape, this.#layout), [...shape], 'float32');
  }
}

/** A trainable float32 tensor. */
export class Parameter extends Stored {
  readonly layout: Layout;
  /** False for frozen parameters: no gradient is computed, the optimizer leaves them alone. */
  requiresGrad = true;
  /** Gradient of the last backward pass in GPU layout; owned by whoever sets it. */
  grad: Tensor | null = null;
  /**
   * The place for the gradient in the optimizer's buffer of all gradients, in GPU layout; owned by the optimizer. A gradient
   * that is written there need not be copied; it counts when `grad` is set to it.
   */
  gradSlot: Tensor | null = null;
  readonly #values: StoredFloats;

  /**
   * @param shape PyTorch's shape
   * @param layout `conv`: OIHW in PyTorch, HWIO on the GPU; `linear`: [out, in] in PyTorch, [in, out] on the GPU; `plain`: the same
   * @param fill initial value of every element
   */
  constructor(shape: readonly number[], layout: Layout = 'plain', fill = 0) {
    super(shape);
    this.layout = layout;
    this.#values = new StoredFloats(this.shape, this.size, layout, fill);
  }

  /** The GPU variable, uploaded at the first use; owned by the parameter. */
  get variable(): Variable {
    return this.#values.resident ?? allocating(this.need, () => this.#values.upload(true));
  }

  /** The GPU variable, or null while the value is still on the CPU. */
  get resident(): Variable | null {
    return this.#values.resident;
  }

  /** Copy the values out, in PyTorch's order. */
  async toTorch(): Promise<Float32Array> {
    return this.#values.read();
  }

  /**
   * Replace all values.
   * @param data float32, PyTorch's order, exactly `size` values; borrowed
   */
  fromTorch(data: Float32Array): void {
    invariant(data.length === this.size, `${this.name} takes ${this.size} values, got ${data.length}`);
    this.#values.set(data);
  }

  /** The part that {@link readFloats} needs. */
  get values(): StoredFloats {
    return this.#values;
  }

  /** Free the GPU memory, the gradient's too. */
  dispose(): void {
    this.#values.free();
    if (this.grad && this.grad !== this.gradSlot) dispose(this.grad);
    this.grad = null;
  }
}

/** A float32 tensor of the state dict that is not trained, such as `running_mean`. */
export class FloatBuffer extends Stored {
  readonly dtype = 'float32';
  readonly #values: StoredFloats;

  /** @param layout of a buffer that stands beside a parameter; see {@link Parameter} */
  constructor(shape: readonly number[], fill = 0, layout: Layout = 'plain') {
    super(shape);
    this.#values = new StoredFloats(this.shape, this.size, layout, fill);
  }

  /** The GPU variable, uploaded at the first use; owned by the buffer. */
  get variable(): Variable {
    return this.#values.resident ?? allocating(this.need, () => this.#values.upload(false));
  }

  get resident(): Variable | null {
    return this.#values.resident;
  }

  get values(): StoredFloats {
    return this.#values;
  }

  async toTorch(): Promise<Float32Array> {
    return this.#values.read();
  }

  fromTorch(data: Float32Array): void {
    invariant(data.length === this.size, `${this.name} takes ${this.size} values, got ${data.length}`);
    this.#values.set(data);
  }

  dispose(): void {
    this.#values.free();
  }
}

/** An int64 scalar of the state dict, such as `num_batches_tracked`; it stays on the CPU. */
export class IntBuffer extends Stored {
  readonly dtype = 'int64';
  /** An integer within ±2^53. */
  value: number;

  constructor(value = 0) {
    super([]);
    this.value = value;
  }

  dispose(): void {
    // Nothing on the GPU.
  }
}

export type Buffer = FloatBuffer | IntBuffer;

/**
 * Copy the values of many parameters and buffers out; all readbacks are queued at once and belong to one moment.
 * @returns float32 arrays in PyTorch's order, new ones
 */
export async function readFloats(items: readonly (Parameter | FloatBuffer)[]): Promise<Float32Array[]> {
  return Promise.all(items.map((item) => item.values.read()));
}
