// Which variant of a kernel runs: what was measured on this adapter and remembered, else the kernel's own rule.
import { activeRecorder } from './recorder.ts';

let remembered: ReadonlyMap<string, string> = new Map();

/** Replace the remembered choices: variant names by key. */
export function setVariantChoices(choices: Readonly<Record<string, string>>): void {
  remembered = new Map(Object.entries(choices));
}

/** The remembered choices, for keeping them across visits. */
export function variantChoices(): Record<string, string> {
  return Object.fromEntries(remembered);
}

/**
 * The name of the variant to run.
 *
 * @param key names the kernel, the shape and whatever else the choice hangs on.
 * @param fallback one of `candidates`: the answer where nothing is remembered, or something that no longer exists.
 */
export function pickVariant(key: string, candidates: readonly { name: string }[], fallback: string): string {
  const choice = remembered.get(key);
  const isKnown = choice !== undefined && candidates.some(({ name }) => name === choice);
  const picked = isKnown ? choice : fallback;
  // The next dispatch is the one that was chosen.
  activeRecorder()?.chosen({ key, candidates: candidates.map(({ name }) => name), picked, isKnown });
  return picked;
}
