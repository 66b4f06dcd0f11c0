/** What `define_metric_cfg` may ask of a metric's summary. Source: mmcv 1.7.2 `hooks/logger/wandb.py`. */
export const SUMMARY_CHOICES = ['min', 'max', 'mean', 'best', 'last', 'none'] as const;
export type SummaryChoice = (typeof SUMMARY_CHOICES)[number];

interface Seen {
  min: number;
  max: number;
  sum: number;
  count: number;
}

/** What a checkpoint keeps of a {@link WandbSummary}; survives JSON. */
export interface SummaryState {
  readonly seen: readonly (readonly [string, Readonly<Seen>])[];
  readonly values: Readonly<Record<string, unknown>>;
}

/**
 * A run's summary: the last value of each metric, or what was asked for instead, as W&B nests it:
 * `{"val/bbox_mAP": {"max": 0.5}}`. A name ending with `*` stands for all that begin so. `best` is the smallest,
 * W&B's default goal.
 */
export class WandbSummary {
  readonly #choices: readonly (readonly [string, SummaryChoice])[];
  readonly #seen = new Map<string, Seen>();
  #values: Readonly<Record<string, unknown>> = {};

  constructor(choices: readonly (readonly [string, SummaryChoice])[]) {
    this.#choices = choices;
  }

  /** Take a row of the history. @returns the summary after it, never changed later */
  update(row: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
    const values: Record<string, unknown> = { ...this.#values };
    for (const [name, value] of Object.entries(row)) {
      const choice = this.#choiceOf(name);
      if (choice === 'none') continue;
      if (choice === null || typeof value !== 'number') values[name] = value;
      else values[name] = { [choice]: this.#chosen(name, choice, value) };
    }
    this.#values = values;
    return values;
  }

  stateDict(): SummaryState {
    return { seen: [...this.#seen].map(([name, seen]) => [name, { ...seen }]), values: this.#values };
  }

  loadStateDict({ seen, values }: SummaryState): void {
    this.#seen.clear();
    for (const [name, one] of seen) this.#seen.set(name, { ...one });
    this.#values = values;
  }

  #choiceOf(name: string): SummaryChoice | null {
    const found = this.#choices.find(([pattern]) =>
      pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name,
    );
    return found ? found[1] : null;
  }

  #chosen(name: string, choice: Exclude<SummaryChoice, 'none'>, value: number): number {
    const seen = this.#seen.get(name) ?? { min: Infinity, max: -Infinity, sum: 0, count: 0 };
    seen.min = Math.min(seen.min, value);
    seen.max = Math.max(seen.max, value);
    seen.sum += value;
    seen.count += 1;
    this.#seen.set(name, seen);
    if (choice === 'last') return value;
    if (choice === 'mean') return seen.sum / seen.count;
    return choice === 'max' ? seen.max : seen.min;
  }
}
