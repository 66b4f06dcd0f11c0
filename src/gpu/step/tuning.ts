// Choosing variants by measuring: each dispatch for which a kernel has several variants is timed alone, once per adapter
// and shape.
import type { ChosenDispatch } from '../dispatch/recorder.ts';
import { setVariantChoices, variantChoices } from '../dispatch/variantChoice.ts';
import type { Recording } from './recordedStep.ts';
import { ScratchBench } from './scratchBench.ts';
import { at, take } from '../../util/at.ts';

export interface TuningOptions {
  /** Only variants that give the same bits as the kernel's own choice. */
  readonly isDeterministic: boolean;
  /** Told after new choices were measured: all that are known, for keeping. */
  readonly onMeasured?: (choices: Record<string, string>) => void;
  /** Asked between two kernels; may wait. True: the others keep their own choice, unmeasured. */
  readonly isStopped?: () => Promise<boolean>;
}

// A change must be worth the noise of a measurement.
const WORTH = 0.95;
const ROUNDS = 3;
// Times as long as the fastest's: no further round would make it the best.
const HOPELESS = 1.5;

let options: TuningOptions | null = null;

/** Switch measuring on (steps that are prepared measure what isn't known yet) or, with null, off. */
export function setVariantTuning(value: TuningOptions | null): void {
  options = value;
}

/**
 * Measure what the step's kernels could choose from, and remember the best.
 * @param recording of the step with the choices that are known
 * @param record makes another one, with the choices that are set then
 * @returns true when choices were made
 */
export async function tuneVariants<A>(recording: Recording<A>, record: () => Recording<A>): Promise<boolean> {
  if (!options) return false;
  const { isDeterministic, onMeasured, isStopped } = options;
  const before = variantChoices();
  const open = openChoices(recording);
  if (open.size === 0) return false;
  const chosen: Record<string, string> = {};
  const bench = new ScratchBench();
  try {
    for (const [key, candidates] of candidatesOf(open, before, record)) {
      if (await isStopped?.()) break;
      // Without room for a measurement the kernel's own rule has to do.
      if (await bench.reserve(candidates)) chosen[key] = await best(bench, candidates, isDeterministic);
    }
  } finally {
    bench.dispose();
  }
  const all = { ...before, ...chosen };
  setVariantChoices(all);
  onMeasured?.(all);
  return true;
}

interface Candidate {
  readonly name: string;
  readonly dispatch: ChosenDispatch;
  /** Of each binding. */
  readonly bytes: readonly number[];
}

/** Keys that have several candidates and nothing remembered; the kernel's own choice comes first. */
function openChoices<A>({ dispatches }: Recording<A>): Map<string, readonly string[]> {
  const open = new Map<string, readonly string[]>();
  for (const { choice } of dispatches) {
    if (!choice || choice.isKnown || choice.candidates.length < 2) continue;
    open.set(choice.key, [choice.picked, ...choice.candidates.filter((name) => name !== choice.picked)]);
  }
  return open;
}

/** The dispatches that each choice would lead to. One recording tries the next candidate of every key at once. */
function candidatesOf<A>(
  open: ReadonlyMap<string, readonly string[]>,
  before: Readonly<Record<string, string>>,
  record: () => Recording<A>,
): Map<string, Candidate[]> {
  const found = new Map<string, Candidate[]>([...open.keys()].map((key) => [key, []]));
  const rounds = Math.max(...[...open.values()].map((names) => names.length));
  try {
    for (let round = 0; round < rounds; round++) {
      const tried = [...open].filter(([, names]) => round < names.length);
      setVariantChoices({
        ...before,
        ...Object.fromEntries(tried.map(([key, names]) => [key, at(names, round)])),
      });
      const { dispatches, tensors } = record();
      for (const dispatch of dispatches) {
        const { choice } = dispatch;
        const candidates = choice ? found.get(choice.key) : undefined;
        if (!choice || !candidates || candidates.some(({ name }) => name === choice.picked)) continue;
        const bytes = dispatch.bindings.map(({ data }) => tensors.get(data)?.bytes ?? 0);
        candidates.push({ name: choice.picked, dispatch, bytes });
      }
    }
  } finally {
    setVariantChoices(before);
  }
  return found;
}

/** Time the candidates of one key in turns, all by the same clock. @returns the name of the best */
async function best(
  bench: ScratchBench,
  candidates: readonly Candidate[],
  isDeterministic: boolean,
): Promise<string> {
  const tries = candidates.map(({ name, dispatch, bytes }) => ({
    name,
    ready: bench.bind(dispatch, bytes),
    repeats: 1,
    ms: Infinity,
  }));
  const [own] = take(tries, 1);
  const allowed = [own];
  if (isDeterministic) {
    const bits = await bench.bitsOf(own.ready);
    for (const other of tries.slice(1)) if ((await bench.bitsOf(other.ready)) === bits) allowed.push(other);
  } else allowed.push(...tries.slice(1));
  if (allowed.length === 1) return own.name;
  const clock = await bench.clockFor(own.ready);
  for (const each of allowed) {
    each.repeats = await bench.repeatsFor(each.ready, clock);
    each.ms = await bench.time(each.ready, clock, each.repeats);
  }
  const fastest = Math.min(...allowed.map(({ ms }) => ms));
  const rivals = allowed.filter((each) => each === own || each.ms < HOPELESS * fastest);
  for (let round = 1; round < ROUNDS; round++)
    for (const each of rivals) each.ms = Math.min(each.ms, await bench.time(each.ready, clock, each.repeats));
  const [winner] = take(
    rivals.toSorted((a, b) => a.ms - b.ms),
    1,
  );
  return winner.ms < own.ms * WORTH ? winner.name : own.name;
}
