/** Outcome of one fixture case. What is listed in `notYet.ts` is `skipped`, never passed; anything else that can't run has failed. */
export type ParityOutcome =
  | { readonly status: 'passed' }
  | { readonly status: 'failed'; readonly detail: string }
  | { readonly status: 'skipped'; readonly name: string };

export interface ParityCaseResult {
  readonly file: string;
  readonly id: string;
  readonly outcome: ParityOutcome;
}

/** The parsed JSON of a fixture file; `cases` have at least an id. */
export interface FixtureFile {
  readonly [key: string]: unknown;
  readonly cases: readonly FixtureCase[];
}
export interface FixtureCase {
  readonly id: string;
  readonly [key: string]: unknown;
}

/** Runs every case of one kind of fixture file. */
export interface ParitySuite {
  /** File names (basename) this suite takes, such as `coco_eval.json`, or a pattern of them. */
  readonly files: readonly (string | RegExp)[];
  /** True when it needs a GPU adapter; the command acquires one first. */
  readonly needsGpu?: boolean;
  /** Called once per file; `directory` is the absolute folder of that file (for neighbours such as .pth). Never throws for one bad case. */
  run(fixture: FixtureFile, file: string, directory: string): Promise<ParityCaseResult[]>;
}

export const passed: ParityOutcome = { status: 'passed' };
export const failed = (detail: string): ParityOutcome => ({ status: 'failed', detail });
/** @param name of what isn't built: a class or a kind, as `notYet.ts` lists it */
export const notBuilt = (name: string): ParityOutcome => ({ status: 'skipped', name });
