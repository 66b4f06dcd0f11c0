// The modules of a workspace that some of them lead to, types included: what a type checker must see.

import { resolveImport, type IsFile, type Resolution } from './resolveImport.ts';

export interface ModuleNode {
  readonly text: string;
  /** What its imports mean, by what they say. */
  readonly targets: ReadonlyMap<string, Resolution>;
}

export interface GraphSource {
  readonly readText: (path: string) => Promise<string>;
  readonly isFile: IsFile;
  readonly roots: readonly string[];
}

/** All modules that these files import, and the files themselves, by path. */
export async function moduleGraph(
  entries: readonly string[],
  { readText, isFile, roots }: GraphSource,
): Promise<Map<string, ModuleNode>> {
  const graph = new Map<string, ModuleNode>();
  const waiting = [...entries];
  for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
    if (graph.has(path)) continue;
    const text = await readText(path);
    const targets = new Map<string, Resolution>();
    for (const specifier of specifiersOf(text)) {
      const target = await resolveImport(specifier, path, roots, isFile);
      targets.set(specifier, target);
      if (target.kind === 'file') waiting.push(target.path);
    }
    graph.set(path, { text, targets });
  }
  return graph;
}

/** `from '…'`, `import '…'`, `import('…')`. One in a comment leads to a file too many at worst. */
function specifiersOf(text: string): string[] {
  return [...text.matchAll(/\b(?:from|import)\s*\(?\s*(['"])([^'"\n]+)\1/g)].map((match) => match[2] ?? '');
}
