// Arguments as plain data: for tables, completion and hover.

import { plainRepr } from '../../lang/plainRepr.ts';
import type { ArgDoc, VariantDocs } from '../../contracts/argumentDocs.ts';
import type { DeclaredArgs, Variants } from './types.ts';

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
    builtType: arg.kind.builtType ?? null,
    gives: arg.kind.gives ?? [],
    keys: docsOf(arg.kind.keys ?? arg.kind.beside),
    entries: docsOf(arg.kind.entries),
    variants: arg.kind.variants ? variantDocs(arg.kind.variants) : null,
  }));
}

function docsOf(declared: DeclaredArgs | undefined): ArgDoc[] {
  return declared ? argDocs(declared) : [];
}

function variantDocs({ by, tables, fallback, nameOf }: Variants): VariantDocs {
  const names = Object.keys(tables);
  return {
    by,
    tables: Object.fromEntries(names.map((name) => [name, docsOf(tables[name])])),
    fallback: fallback ?? null,
    // Of a policy, the one in lower case is what people write.
    spellings: Object.fromEntries(
      names
        .map((name): [string, string] => [name.toLowerCase(), name])
        .filter(([short, name]) => nameOf !== undefined && nameOf(short) === name),
    ),
  };
}

export type { ArgDoc } from '../../contracts/argumentDocs.ts';
