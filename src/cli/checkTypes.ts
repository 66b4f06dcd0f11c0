import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { checkTypes, type ApiTypes } from '../usercode/typeCheck.ts';
import type { ModuleNode } from '../usercode/index.ts';
import type { Diagnostic } from '../errors/diagnostic.ts';

/** {@link checkTypes} with the libraries of the installed TypeScript. */
export async function checkTypesInNode(
  graph: ReadonlyMap<string, ModuleNode>,
  loadApiTypes: () => Promise<ApiTypes>,
): Promise<Diagnostic[]> {
  const folder = dirname(createRequire(import.meta.url).resolve('typescript'));
  const readLib = (name: string): string | undefined => {
    try {
      return readFileSync(join(folder, name), 'utf8');
    } catch {
      // There is no such library.
      return undefined;
    }
  };
  return checkTypes(graph, { api: await loadApiTypes(), readLib });
}
