// Weights and their averages: all of them are updated in a handful of dispatches.

import {
  copyTensors,
  maxPartSize,
  packTensors,
  runElementwise,
  wholeOf,
  type Arena,
  type Tensor,
} from '../../gpu/index.ts';
import { FloatBuffer, Parameter, type IntBuffer } from '../../nn/index.ts';
import type { ParameterPool } from '../../optim/parameterPool.ts';
import { at } from '../../util/at.ts';

type Floats = Parameter | FloatBuffer;
type Pair = readonly [Floats, Floats];

export class FloatPairs {
  /** One part of each buffer of weights, and of the buffer of the same layout that their averages lie in. */
  readonly #packed: (readonly [Tensor, Tensor])[] = [];
  /** What could not be packed. */
  readonly #alone: Pair[] = [];

  /**
   * Move averages, and weights that no optimizer has packed, into arenas. Parameters and buffers are kept apart: a kernel
   * may read the one and write the other, which isn't allowed within one buffer.
   * @param pairs integers are skipped
   * @param pool the optimizer's
   */
  constructor(
    pairs: readonly (readonly [Floats | IntBuffer, Floats | IntBuffer])[],
    pool: ParameterPool | null,
  ) {
    const floats = pairs.filter((pair): pair is Pair => isFloats(pair[0]) && isFloats(pair[1]));
    const averageOf = new Map(floats);
    const pooled = pool?.parameters.flatMap((param) => averageOf.get(param) ?? []) ?? [];
    const isWhole = pool !== null && pooled.length === pool.parameters.length;
    if (isWhole) this.#add(pool.values, pack(pooled));
    const rest = floats.filter(
      ([weight]) => !isWhole || !(weight instanceof Parameter && pool.indexOf(weight) !== undefined),
    );
    const isFree = ([weight]: Pair): boolean => !(weight instanceof Parameter && weight.gradSlot);
    this.#alone.push(...rest.filter((pair) => !isFree(pair)));
    for (const kind of [Parameter, FloatBuffer])
      this.#packBoth(rest.filter((pair) => isFree(pair) && pair[0] instanceof kind));
  }

  /** The averages become the weights. */
  copy(): void {
    this.#each((weight, average) => copyTensors([{ from: weight, to: average }]));
  }

  /** average = (1 - m) average + m weight */
  average(m: number): void {
    this.#each((weight, average) =>
      runElementwise({
        name: 'ema',
        body: 'ema = u.keep * ema + u.take * w;',
        reads: { w: weight },
        writes: { ema: average },
        uniforms: { keep: 1 - m, take: m },
      }),
    );
  }

  exchange(): void {
    this.#each((weight, average) =>
      runElementwise({
        name: 'exchange',
        body: 'let kept = a; a = b; b = kept;',
        writes: { a: weight, b: average },
      }),
    );
  }

  #each(run: (weight: Tensor, average: Tensor) => void): void {
    for (const [weight, average] of this.#packed) {
      // Made for the moment: the buffers belong to the weights and averages alone.
      const wholes: [Tensor, Tensor] = [wholeOf(weight), wholeOf(average)];
      run(...wholes);
      for (const whole of wholes) whole.dispose();
    }
    for (const [weight, average] of this.#alone) run(weight.variable, average.variable);
  }

  #packBoth(pairs: readonly Pair[]): void {
    const limit = maxPartSize();
    const fits = ([{ size }]: Pair): boolean => size > 0 && size <= limit;
    this.#alone.push(...pairs.filter((pair) => !fits(pair)));
    const chosen = pairs.filter(fits);
    if (chosen.length > 0)
      this.#add(pack(chosen.map(([weight]) => weight)), pack(chosen.map(([, average]) => average)));
  }

  #add(weights: Arena, averages: Arena): void {
    for (const { first } of weights.chunks)
      this.#packed.push([at(weights.parts, first), at(averages.parts, first)]);
  }
}

/** @returns an arena whose buffers belong to the items alone */
function pack(items: readonly Floats[]): Arena {
  const arena = packTensors(items.map(({ variable }) => variable));
  arena.dispose();
  return arena;
}

function isFloats(item: Floats | IntBuffer): item is Floats {
  return item instanceof Parameter || item instanceof FloatBuffer;
}
