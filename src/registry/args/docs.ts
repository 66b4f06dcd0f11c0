// Arguments as plain data: for tables, completion and hover.

import { plainRepr } from '../../lang/plainRepr.ts';
import type { ModelPart, RegistryKind } from '../registryKinds.ts';
import type { DeclaredArgs } from './types.ts';

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
  readonly builds: RegistryKind | null;
  /** Of those in MODELS, only this part. */
  readonly part: ModelPart | null;
  /** Of a dict with known keys. */
  readonly keys: readonly ArgDoc[];
  /** Of a dict whose keys depend on its `type`: by type. */
  readonly variants: Readonly<Record<string, readonly ArgDoc[]>>;
}

/** In the order in which they were declared. */
export function argDocs({ table }: DeclaredArgs): ArgDoc[] {
  return Object.entries(table).map(([name, arg]) => ({
    name,
    kind: arg.kind.label,
    isRequired: arg.isRequired,
    default: arg.default === undefined ? null : plainRepr(arg.default),
    unit: arg.unit ?? null,
    help: arg.help,
    choices: (arg.kind.choices ?? []).map((choice) => plainRepr(choice)),
    builds: arg.kind.builds ?? null,
    part: arg.kind.part ?? null,
    keys: arg.kind.keys ? argDocs(arg.kind.keys) : [],
    variants: Object.fromEntries(
      Object.entries(arg.kind.variants ?? {}).map(([type, keys]) => [type, argDocs(keys)]),
    ),
  }));
}
