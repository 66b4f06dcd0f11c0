// What every class and every section of a config takes, as plain data and as Markdown: for the documentation and the editor.

import { EMPTY_ARG_DOC, type ArgumentDocs, type ClassDoc } from '../contracts/argumentDocs.ts';
import { argDocs, type ArgDoc } from '../registry/args/index.ts';
import { knownArgs, type ClassWithArgs } from '../registry/constructorArgs.ts';
import { kindNamed } from '../registry/argKinds.ts';
import { ROOT_REGISTRIES, type Registries, type RegistryKind } from '../registry/registries.ts';
import './registerAll.ts';
import { TOP_LEVEL } from './sections/topLevel.ts';

/** Handed over by whoever builds a class of a registry, never written in a config. */
const GIVEN: Readonly<Partial<Record<RegistryKind, readonly string[]>>> = {
  OPTIMIZERS: ['params'],
  OPTIMIZER_BUILDERS: ['optimizer_cfg', 'paramwise_cfg'],
};

/** Everything that an editor can propose. @param registries a run's, with the person's own classes; default ours alone */
export function argumentDocs(registries: Registries = ROOT_REGISTRIES): ArgumentDocs {
  return { topLevel: argDocs(TOP_LEVEL), classes: classDocs(registries) };
}

/** By registry, then by name. */
export function classDocs(registries: Registries = ROOT_REGISTRIES): ClassDoc[] {
  return (Object.keys(registries) as RegistryKind[]).flatMap((registry) =>
    registries[registry]
      .names()
      .sort()
      .map((type): ClassDoc => {
        const module = registries[registry].get(type) as ClassWithArgs | undefined;
        const given = GIVEN[registry] ?? [];
        const args = module ? docsOfClass(module).filter(({ name }) => !given.includes(name)) : [];
        const isOwn = registries[registry].ownNames().includes(type) && registries !== ROOT_REGISTRIES;
        return { registry, type, part: module?.part ?? null, isOwn, args };
      }),
  );
}

/** What a class declares, or what the compiler read from its constructor. */
function docsOfClass(module: ClassWithArgs): ArgDoc[] {
  const known = knownArgs(module);
  if (!known) return [];
  const { args } = known.owner;
  if (args && 'table' in args && !known.isRead) return argDocs(args as Parameters<typeof argDocs>[0]);
  const required = known.required.map((name) => [name, true] as const);
  const optional = known.optional.map((name) => [name, false] as const);
  return [...required, ...optional].map(([name, isRequired]) => {
    const kind = known.kinds[name];
    return {
      ...EMPTY_ARG_DOC,
      name,
      kind: kind === undefined ? 'any' : kindNamed(kind).label,
      isRequired,
    };
  });
}

/** `docs/ARGUMENTS.md`: a table a section, then one a class. */
export function argumentTables(): string {
  const { topLevel, classes } = argumentDocs();
  const lines = [
    '# Arguments',
    '',
    'What each key and each class takes in a config, from its own declaration. Made by `node scripts/argumentTables.mjs`.',
    '',
    '## Sections',
    ...sectionTables('', topLevel),
  ];
  let registry: string | null = null;
  for (const doc of classes) {
    if (doc.registry !== registry) lines.push('', `## ${doc.registry}`);
    registry = doc.registry;
    lines.push('', `### ${doc.type}`, '', ...table(doc.args));
  }
  return `${lines.join('\n')}\n`;
}

/** A section, then those inside it. @param path of it; empty for the top level */
function sectionTables(path: string, args: readonly ArgDoc[]): string[] {
  const lines = ['', `### ${path === '' ? 'Top level' : code(path)}`, '', ...table(args)];
  for (const { name, keys, entries, variants } of args) {
    const place = path === '' ? name : `${path}.${name}`;
    if (keys.length > 0) lines.push(...sectionTables(place, keys));
    if (entries.length > 0) lines.push('', `### ${code(`${place}['…']`)}`, '', ...table(entries));
    for (const [type, own] of Object.entries(variants?.tables ?? {}))
      lines.push('', `### ${code(`${place}, ${variants?.by ?? ''}='${type}'`)}`, '', ...table(own));
  }
  return lines;
}

function table(args: readonly ArgDoc[]): string[] {
  if (args.length === 0) return ['No arguments.'];
  return ['| argument | kind | default | unit | what it does |', '|---|---|---|---|---|', ...args.map(row)];
}

function row({ name, kind, isRequired, default: fallback, unit, help }: ArgDoc): string {
  const shown = isRequired ? 'required' : fallback === null ? '' : code(fallback);
  return `| ${[code(name), code(kind), shown, unit ?? '', help].map(cell).join(' | ')} |`;
}

function code(text: string): string {
  return `\`${text}\``;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
