// What may stand at a place of a config: the keys of a dict by the classes and sections that are declared.

import type { ArgDoc, ArgumentDocs, ClassDoc } from '../../contracts/argumentDocs.ts';
import { isDict } from '../../lang/plain.ts';
import { pathTo, type Container } from '../../lang/configPlaces.ts';

/** What a dict takes. */
export interface DictContext {
  /** Without the key that says which others there are. */
  readonly keys: readonly ArgDoc[];
  /** The key that says which others there are: `type`, `policy`; null where the keys are always the same. */
  readonly by: { readonly name: string; readonly names: readonly TypeName[] } | null;
  /** The class that the dict is built into. */
  readonly built: ClassDoc | null;
}

/** What a `type` may be. */
export interface TypeName {
  readonly name: string;
  /** `detector`, `hook`; null where nothing is known. */
  readonly what: string | null;
  readonly isOwn: boolean;
}

type Values = Readonly<Record<string, unknown>>;

/**
 * What the dict of a container takes.
 * @param resolved the config as it was when it could be read last, for what stands in base files
 * @returns null where nothing is known of it
 */
export function contextOf(
  container: Container,
  docs: ArgumentDocs,
  resolved: Values | null,
): DictContext | null {
  const path = pathTo(container);
  const arg = path && argAt(path, container, docs, resolved);
  const written = typeIn(container, 'type');
  if (arg) return enter(arg, (by) => typeIn(container, by) ?? inherited(container, path, by, resolved), docs);
  if (container.kind === 'top') return { keys: docs.topLevel, by: null, built: null };
  return byTypeAlone(container, written, docs);
}

/** The declaration of what lies at a path, through all dicts around it. */
function argAt(
  path: readonly (string | number)[],
  container: Container,
  docs: ArgumentDocs,
  resolved: Values | null,
): ArgDoc | null {
  const around = chainOf(container);
  let keys: readonly ArgDoc[] = docs.topLevel;
  let arg: ArgDoc | null = null;
  for (const [i, step] of path.entries()) {
    if (typeof step === 'number') continue;
    const upTo = path.slice(0, i);
    const holder = around.get(upTo.join('\0'));
    const type = (by: string): string | null =>
      (holder ? typeIn(holder, by) : null) ?? stringAt(resolved, [...upTo, by]);
    if (arg) keys = enter(arg, type, docs)?.keys ?? [];
    else if (i > 0) keys = holder ? (byTypeAlone(holder, type('type'), docs)?.keys ?? []) : [];
    arg = entryOf(arg, step) ?? keys.find(({ name }) => name === step) ?? null;
  }
  return arg;
}

/** In a dict whose keys are a person's choice each of them is declared. */
function entryOf(arg: ArgDoc | null, name: string): ArgDoc | null {
  return arg && arg.entries.length > 0 ? { ...arg, name, entries: [], keys: arg.entries } : null;
}

/** The containers around one, by their paths. */
function chainOf(container: Container): ReadonlyMap<string, Container> {
  const chain = new Map<string, Container>();
  for (let one: Container | null = container; one; one = one.parent) {
    const path = pathTo(one);
    if (path) chain.set(path.join('\0'), one);
  }
  return chain;
}

/** @param typeOf what the dict says under a key */
function enter(arg: ArgDoc, typeOf: (by: string) => string | null, docs: ArgumentDocs): DictContext | null {
  const { builds, part, gives, keys, entries, variants } = arg;
  if (builds !== null) {
    const type = typeOf('type') ?? arg.builtType;
    const built = classNamed(docs, type, builds);
    const own = built?.args.filter(({ name }) => !gives.includes(name)) ?? [];
    return { keys: [...own, ...keys], by: { name: 'type', names: typesOf(docs, builds, part) }, built };
  }
  if (variants) {
    const { by, tables, spellings, fallback } = variants;
    const written = typeOf(by) ?? fallback;
    const table = written === null ? undefined : (tables[written] ?? tables[spellings[written] ?? '']);
    // People write `step`, and `CosineAnnealing`, whose capitals title() wouldn't find.
    const shorts = new Map(Object.entries(spellings).map(([short, name]) => [name, short]));
    const names = Object.keys(tables).map((name): TypeName => ({
      name: shorts.get(name) ?? name,
      what: null,
      isOwn: false,
    }));
    return { keys: table ?? [], by: { name: by, names }, built: null };
  }
  if (entries.length > 0) return { keys: [], by: null, built: null };
  return keys.length > 0 ? { keys, by: null, built: null } : null;
}

/** A dict that no key leads to, such as one in `train_pipeline = […]`: its own `type` says what it is, or its neighbours' do. */
function byTypeAlone(container: Container, type: string | null, docs: ArgumentDocs): DictContext | null {
  if (container.kind !== 'dict' && container.kind !== 'braces') return null;
  const built = docs.classes.find((one) => one.type === type) ?? null;
  const beside = container.parent?.kind === 'list' ? container.parent.children : [];
  const neighbour = beside
    .map((one) => docs.classes.find((doc) => doc.type === typeIn(one, 'type')))
    .find((doc) => doc !== undefined);
  const registry = built?.registry ?? neighbour?.registry ?? null;
  const names = registry === null ? allTypes(docs) : typesOf(docs, registry, null);
  return { keys: built?.args ?? [], by: { name: 'type', names }, built };
}

function classNamed(docs: ArgumentDocs, type: string | null, registry: string): ClassDoc | null {
  const name = type?.slice(type.lastIndexOf('.') + 1);
  return docs.classes.find((one) => one.registry === registry && one.type === name) ?? null;
}

function typesOf({ classes }: ArgumentDocs, registry: string, part: string | null): TypeName[] {
  return classes
    .filter((one) => one.registry === registry && (part === null || one.part === null || one.part === part))
    .map(toTypeName);
}

function allTypes({ classes }: ArgumentDocs): TypeName[] {
  return classes.map(toTypeName);
}

function toTypeName({ type, registry, part, isOwn }: ClassDoc): TypeName {
  return { name: type, what: part ?? registry.toLowerCase().replaceAll('_', ' ').replace(/s$/, ''), isOwn };
}

function typeIn(container: Container, by: string): string | null {
  return container.entries.find(({ key }) => key.length === 1 && key[0] === by)?.text ?? null;
}

/** What a base file says, unless the dict begins anew. */
function inherited(
  container: Container,
  path: readonly (string | number)[],
  by: string,
  resolved: Values | null,
): string | null {
  const isNew = container.entries.some(({ key }) => key[0] === '_delete_');
  return isNew ? null : stringAt(resolved, [...path, by]);
}

function stringAt(values: Values | null, path: readonly (string | number)[]): string | null {
  let value: unknown = values;
  for (const step of path) {
    if (Array.isArray(value)) value = value[Number(step)];
    else if (isDict(value) && Object.hasOwn(value, step)) value = value[step];
    else return null;
  }
  return typeof value === 'string' ? value : null;
}
