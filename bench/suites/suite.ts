import type { ContenderName } from '../contenders/contender.ts';
import type { PeerPlaces } from '../peers.ts';

export interface SuiteOptions {
  /** Names of nets of the step suite; all by default. */
  readonly nets: readonly string[];
  /** Rounds; null: what suits the suite. */
  readonly steps: number | null;
  readonly peers: readonly ContenderName[];
  readonly places: PeerPlaces;
}

export interface SuiteResult {
  /** Rows of the JSON, under the suite's name. */
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  /** Markdown. */
  readonly text: string;
  /** The adapter as a contender named it, or null when none got one. */
  readonly adapter: string | null;
  /** What makes the run fail; empty when all is well. */
  readonly failures: readonly string[];
}

/** A suite's progress, on stderr: stdout is the report. */
export function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** The adapter in what a contender said about itself. */
export function adapterOf(abouts: readonly { readonly about: string }[]): string | null {
  const about = abouts.map((entry) => entry.about).find((text) => text.startsWith('tabtrain'));
  return (about ?? abouts.at(0)?.about)?.split(', ').at(-1) ?? null;
}
