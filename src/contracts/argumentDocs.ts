// What configs may hold, as plain data: for documentation, completion and hover.

export interface ArgDoc {
  readonly name: string;
  /** Such as `int ≥ 1 | None`. */
  readonly kind: string;
  readonly isRequired: boolean;
  /** As Python writes it; null where there is none. */
  readonly default: string | null;
  readonly unit: string | null;
  readonly help: string;
  /** As Python writes them. */
  readonly choices: readonly string[];
  /** Its dicts name a `type` of this registry. */
  readonly builds: string | null;
  /** Of those in MODELS, only this part. */
  readonly part: string | null;
  /** The `type` of such a dict that names none. */
  readonly builtType: string | null;
  /** Arguments that whoever builds it adds. */
  readonly gives: readonly string[];
  /** Of a dict with known keys; of one with a `type`, those beside the class's arguments. */
  readonly keys: readonly ArgDoc[];
  /** Of the dicts in a dict whose own keys are a person's choice. */
  readonly entries: readonly ArgDoc[];
  /** Of a dict whose keys depend on one of them. */
  readonly variants: VariantDocs | null;
}

/** Of an argument of which nothing is known. */
export const EMPTY_ARG_DOC: ArgDoc = {
  name: '',
  kind: 'any',
  isRequired: false,
  default: null,
  unit: null,
  help: '',
  choices: [],
  builds: null,
  part: null,
  builtType: null,
  gives: [],
  keys: [],
  entries: [],
  variants: null,
};

/** Keys by what another key says. */
export interface VariantDocs {
  /** That other key: `type`, `policy`. */
  readonly by: string;
  readonly tables: Readonly<Record<string, readonly ArgDoc[]>>;
  readonly fallback: string | null;
  /** Other spellings of the names. */
  readonly spellings: Readonly<Record<string, string>>;
}

/** A class that a config can name. */
export interface ClassDoc {
  /** The registry that its `type` is looked up in: `HOOKS`. */
  readonly registry: string;
  readonly type: string;
  /** Of a model's class: `detector`, `head`; null where it doesn't say. */
  readonly part: string | null;
  /** Whether it is a person's own. */
  readonly isOwn: boolean;
  readonly args: readonly ArgDoc[];
}

/** Everything that is known of arguments. */
export interface ArgumentDocs {
  /** The keys at a config's top level, and those of its sections. */
  readonly topLevel: readonly ArgDoc[];
  readonly classes: readonly ClassDoc[];
}
