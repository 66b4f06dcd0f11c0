// What every built-in class takes, as plain data and as Markdown: for the documentation and the editor.

import { argDocs, type ArgDoc } from '../registry/args/index.ts';
import type { DeclaredArgs } from '../registry/args/types.ts';
import { ROOT_REGISTRIES, type RegistryKind } from '../registry/registries.ts';
import './registerAll.ts';

export interface ClassDoc {
  /** The registry that a `type` is looked up in. */
  readonly registry: RegistryKind;
  readonly type: string;
  readonly args: readonly ArgDoc[];
}

/** Handed over by whoever builds the class, never written in a config. */
const GIVEN: ReadonlySet<string> = new Set(['params']);

/** By registry, then by name; classes that declare their arguments. */
export function allArgDocs(): ClassDoc[] {
  return (Object.keys(ROOT_REGISTRIES) as RegistryKind[]).flatMap((registry) =>
    ROOT_REGISTRIES[registry]
      .names()
      .sort()
      .flatMap((type): ClassDoc[] => {
        const declared = (ROOT_REGISTRIES[registry].get(type) as { args?: object } | undefined)?.args;
        if (!declared || !isDeclared(declared)) return [];
        const args = argDocs(declared).filter(({ name }) => !GIVEN.has(name));
        return [{ registry, type, args }];
      }),
  );
}

function isDeclared(args: object): args is DeclaredArgs {
  return 'table' in args && 'faults' in args;
}

/** `docs/ARGUMENTS.md`: a table a class. */
export function argumentTables(): string {
  const lines = [
    '# Arguments',
    '',
    'What each class takes in a config, from its own declaration. Made by `node scripts/argumentTables.mjs`.',
  ];
  let registry: RegistryKind | null = null;
  for (const doc of allArgDocs()) {
    if (doc.registry !== registry) lines.push('', `## ${doc.registry}`);
    registry = doc.registry;
    lines.push('', `### ${doc.type}`, '');
    if (doc.args.length === 0) lines.push('No arguments.');
    else lines.push('| argument | kind | default | unit | |', '|---|---|---|---|---|', ...doc.args.map(row));
  }
  return `${lines.join('\n')}\n`;
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
