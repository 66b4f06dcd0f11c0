// A model's parameters in one buffer and their gradients in another of the same layout, so that a step, a norm or a
// scaling of all of them is one dispatch each. A model that is larger than the device can bind has several of both.

import {
  allocating,
  ArenaRows,
  clearTensors,
  copyTensors,
  createArena,
  dispose,
  maxPartSize,
  NO_ROW,
  packTensors,
  updateArenas,
  type Arena,
  type Tensor,
} from '../gpu/index.ts';
import type { Parameter } from '../nn/index.ts';
import { at } from '../util/at.ts';

const SMALLER_MODEL = 'a smaller model, or more frozen_stages, needs less';
const PARAMETERS = { what: "the model's parameters", path: 'model', hint: SMALLER_MODEL };
const GRADIENTS = { what: 'the gradients', path: 'model', hint: SMALLER_MODEL };
const SUMS = {
  what: "the sums of several iterations' gradients",
  path: 'optimizer_config',
  hint: 'without cumulative_iters there are none',
};

export class ParameterPool {
  readonly parameters: readonly Parameter[];
  /** The parameters' variables. */
  readonly values: Arena;
  /** The gradients' slots; what they hold counts only where the parameter has a gradient. */
  readonly grads: Arena;
  readonly #indices: ReadonlyMap<Parameter, number>;
  /** One row without numbers for every part. */
  readonly #all: ArenaRows;
  #sums: { readonly arena: Arena; readonly rows: ArenaRows; readonly has: boolean[] } | null = null;
  #scaling: ArenaRows | null = null;

  /**
   * Pack parameters. Their variables move; their gradients so far stay where they are.
   * @returns null when there is nothing to pack. Left out: frozen and empty parameters, those of another optimizer's pool,
   *   those that are listed twice, and one that is larger than the device can bind.
   */
  static pack(parameters: readonly Parameter[]): ParameterPool | null {
    const limit = maxPartSize();
    const repeated = new Set(parameters.filter((param, i) => parameters.indexOf(param) !== i));
    const chosen = parameters.filter(
      (param) =>
        param.requiresGrad &&
        !param.gradSlot &&
        param.size > 0 &&
        param.size <= limit &&
        !repeated.has(param),
    );
    return chosen.length > 0 ? new ParameterPool(chosen) : null;
  }

  private constructor(parameters: readonly Parameter[]) {
    this.parameters = parameters;
    this.#indices = new Map(parameters.map((param, i) => [param, i]));
    const variables = parameters.map((param) => param.variable);
    this.values = allocating(PARAMETERS, () => packTensors(variables));
    this.grads = allocating(GRADIENTS, () => this.createArena());
    parameters.forEach((param, i) => (param.gradSlot = at(this.grads.parts, i)));
    this.#all = new ArenaRows(this.grads, []);
    this.#all.set(new Int32Array(parameters.length), []);
  }

  /** The parameter's place, or undefined when it isn't in the pool. */
  indexOf(param: Parameter): number | undefined {
    return this.#indices.get(param);
  }

  /** Zeros of the same layout. */
  createArena(): Arena {
    return createArena(this.values.parts.map(({ shape }) => shape));
  }

  /** Have every gradient in its slot; where they are elsewhere, they stay there too. */
  copyGrads(): void {
    const pairs: { from: Tensor; to: Tensor }[] = [];
    this.parameters.forEach(({ grad }, i) => {
      const to = at(this.grads.parts, i);
      if (grad && grad.dataId !== to.dataId) pairs.push({ from: grad, to });
    });
    copyTensors(pairs);
  }

  /** Have every gradient in its slot and nowhere else: those elsewhere are freed. */
  takeGrads(): void {
    this.copyGrads();
    for (const param of this.parameters) if (param.grad) takeSlot(param);
  }

  /** {@link takeGrads}, with slots of parameters without gradient made zero. @returns float32, all slots in as few tensors as can be */
  wholeGrads(): Tensor[] {
    this.takeGrads();
    clearTensors(this.grads.parts.filter((_, i) => !at(this.parameters, i).grad));
    return this.grads.chunks.map(({ whole }) => whole);
  }

  /** Multiply the gradients by a number, or by a tensor of one element. They are in their slots afterwards. */
  scaleGrads(factor: Tensor | number): void {
    this.takeGrads();
    if (typeof factor !== 'number') {
      updateArenas({
        name: 'scale',
        body: 'x = x * factor;',
        scalars: { factor },
        writes: { x: this.grads },
        rows: this.#all,
      });
      return;
    }
    this.#scaling ??= new ArenaRows(this.grads, ['factor']);
    this.#scaling.set(new Int32Array(this.parameters.length), [factor]);
    updateArenas({
      name: 'scaleBy',
      body: 'x = x * u.factor;',
      writes: { x: this.grads },
      rows: this.#scaling,
    });
  }

  /**
   * Add `factor` times the gradients to sums that are kept apart, and let the gradients go: their slots
   * are free for the next iteration.
   */
  accumulateGrads(factor: number): void {
    this.copyGrads();
    this.#sums ??= {
      arena: allocating(SUMS, () => this.createArena()),
      rows: new ArenaRows(this.grads, ['factor', 'isFirst']),
      has: this.parameters.map(() => false),
    };
    const { arena, rows, has } = this.#sums;
    rows.set(
      Int32Array.from(this.parameters, ({ grad }, i) => (grad ? (has[i] ? 1 : 0) : NO_ROW)),
      [factor, 1, factor, 0],
    );
    updateArenas({
      name: 'accumulate',
      body: 'sum = select(sum + u.factor * g, u.factor * g, u.isFirst == 1.0);',
      reads: { g: this.grads },
      writes: { sum: arena },
      rows,
    });
    this.parameters.forEach((param, i) => {
      has[i] ||= param.grad !== null;
      dropGrad(param);
    });
  }

  /** The sums so far; the tensors stay the pool's. */
  get sums(): readonly (readonly [Parameter, Tensor])[] {
    const sums = this.#sums;
    if (!sums) return [];
    return this.parameters.flatMap((param, i) =>
      at(sums.has, i) ? [[param, at(sums.arena.parts, i)] as const] : [],
    );
  }

  /** Make the sums the parameters' gradients, and begin new ones. */
  restoreSums(): void {
    if (!this.#sums) return;
    const { arena, has } = this.#sums;
    copyTensors(arena.chunks.map(({ whole }, k) => ({ from: whole, to: at(this.grads.chunks, k).whole })));
    this.parameters.forEach((param, i) => {
      if (has[i]) takeSlot(param);
    });
    has.fill(false);
  }

  /** Forget the sums. */
  dropSums(): void {
    this.#sums?.has.fill(false);
  }

  /** Free what the pool made; the parameters keep their place. */
  dispose(): void {
    for (const param of this.parameters) {
      if (param.grad && param.grad === param.gradSlot) param.grad = null;
      param.gradSlot = null;
    }
    this.grads.dispose();
    this.values.dispose();
    this.#all.dispose();
    this.#scaling?.dispose();
    this.#sums?.arena.dispose();
    this.#sums?.rows.dispose();
    this.#sums = null;
  }
}

/** Let the parameter's gradient go. The slot itself isn't freed. */
export function dropGrad(param: Parameter): void {
  if (param.grad && param.grad !== param.gradSlot) dispose(param.grad);
  param.grad = null;
}

function takeSlot(param: Parameter): void {
  if (param.grad !== param.gradSlot) dropGrad(param);
  param.grad = param.gradSlot;
}
