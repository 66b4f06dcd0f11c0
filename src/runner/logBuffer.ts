import { pairwiseSum } from '../util/pairwiseSum.ts';
import { concat, dispose, read, type Tensor } from '../gpu/index.ts';
import { at as itemAt } from '../util/at.ts';

/** What a step logs: `values[i]` belongs to `names[i]`. */
export interface LogVars {
  readonly names: readonly string[];
  /** float32 [names.length], still on the GPU and owned by the receiver; or plain numbers. */
  readonly values: Tensor | readonly number[];
}

interface History {
  values: number[];
  counts: number[];
}

/** What a checkpoint keeps of a {@link LogBuffer}; plain values. */
export interface LogBufferState {
  readonly histories: readonly (readonly [string, readonly number[], readonly number[]])[];
  readonly output: readonly (readonly [string, number | string])[];
  readonly ready: boolean;
}

interface Slot {
  readonly name: string;
  readonly history: History;
  readonly index: number;
}

interface Pending {
  readonly values: Tensor;
  /** Where each value of `values` goes. */
  readonly slots: readonly Slot[];
}

/**
 * Collects what each iteration reports until a logger asks for averages. Losses stay on the GPU until
 * {@link LogBuffer.resolve}, which reads everything pending back at once, so that an iteration never waits.
 * Source: mmcv 1.7.2 `runner/log_buffer.py`.
 */
export class LogBuffer {
  /** Averages of the last {@link average}, in order of first update; strings pass through (`bbox_mAP_copypaste`). */
  readonly output = new Map<string, number | string>();
  ready = false;
  readonly #histories = new Map<string, History>();
  #pending: Pending[] = [];
  /** Where the values of the latest step are. */
  #latest: readonly Slot[] = [];

  /** Drop everything; {@link latestLogVars} only while it is still on the GPU. */
  clear(): void {
    this.#discardPending();
    this.#histories.clear();
    this.clearOutput();
  }

  clearOutput(): void {
    this.output.clear();
    this.ready = false;
  }

  /** Add one value per name, weighted by `count` samples. */
  update(values: Readonly<Record<string, number>>, count = 1): void {
    for (const [name, value] of Object.entries(values)) this.#add(name, value, count);
  }

  /** Add a step's values; takes the tensor when they are still on the GPU. */
  updateLogVars({ names, values }: LogVars, count = 1): void {
    const isRead = isNumbers(values);
    this.#latest = names.map((name, i) => this.#add(name, isRead ? itemAt(values, i) : NaN, count));
    if (!isRead) this.#pending.push({ values, slots: this.#latest });
  }

  /**
   * What the latest step logged, in its order; reads back what is pending. Empty before the first step, and when
   * {@link clear} dropped the values unread.
   */
  async latestLogVars(): Promise<ReadonlyMap<string, number>> {
    await this.resolve();
    return new Map(this.#latest.map(({ name, history, index }) => [name, itemAt(history.values, index)]));
  }

  /** Steps whose values are still on the GPU. */
  get pendingSteps(): number {
    return this.#pending.length;
  }

  /** Read all pending values back in one go. */
  async resolve(): Promise<void> {
    const pending = this.#pending;
    if (pending.length === 0) return;
    this.#pending = [];
    const tensors = pending.map((p) => p.values);
    const all = tensors.length === 1 ? itemAt(tensors, 0) : concat(tensors, 0);
    const data = await read(all);
    if (all !== tensors[0]) dispose(all);
    for (const tensor of tensors) dispose(tensor);
    let at = 0;
    for (const { slots } of pending) {
      for (const { history, index } of slots) history.values[index] = itemAt(data, at++);
    }
  }

  /**
   * Average the latest `n` values of every name (0: all), weighted by their counts, into {@link output}.
   * {@link resolve} first, or values still on the GPU count as NaN.
   */
  average(n = 0): void {
    for (const [name, value] of this.averages(n)) this.output.set(name, value);
    this.ready = true;
  }

  /** What {@link average} would put there. */
  averages(n = 0): Map<string, number> {
    const averages = new Map<string, number>();
    for (const [name, { values, counts }] of this.#histories) {
      const start = n === 0 ? 0 : Math.max(0, values.length - n);
      const latest = counts.slice(start);
      const weighted = latest.map((count, i) => count * itemAt(values, start + i));
      // As np.sum adds: the last bit decides how the fifth decimal in the log is rounded.
      averages.set(name, pairwiseSum(weighted) / pairwiseSum(latest));
    }
    return averages;
  }

  /**
   * Copy the latest `n` values of every name out, and what is ready to be logged. Reads back what is pending.
   * @param n what the longest log interval needs
   */
  async stateDict(n: number): Promise<LogBufferState> {
    await this.resolve();
    const latest = (values: readonly number[]): readonly number[] => (n === 0 ? [] : values.slice(-n));
    return {
      histories: [...this.#histories].map(([name, h]) => [name, latest(h.values), latest(h.counts)]),
      output: [...this.output],
      ready: this.ready,
    };
  }

  /** Replace everything by what {@link stateDict} gave. */
  loadStateDict({ histories, output, ready }: LogBufferState): void {
    this.clear();
    for (const [name, values, counts] of histories)
      this.#histories.set(name, { values: [...values], counts: [...counts] });
    for (const [name, value] of output) this.output.set(name, value);
    this.ready = ready;
  }

  #add(name: string, value: number, count: number): Slot {
    let history = this.#histories.get(name);
    if (!history) this.#histories.set(name, (history = { values: [], counts: [] }));
    history.counts.push(count);
    return { name, history, index: history.values.push(value) - 1 };
  }

  #discardPending(): void {
    for (const { values, slots } of this.#pending) {
      dispose(values);
      if (slots === this.#latest) this.#latest = [];
    }
    this.#pending = [];
  }
}

function isNumbers(values: Tensor | readonly number[]): values is readonly number[] {
  return Array.isArray(values);
}
