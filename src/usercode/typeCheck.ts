// Type errors of a person's modules, by TypeScript's own checker. They never stop a run: it only knows what is written.

import type ts from 'typescript';
import { MODULE_COMPILER_OPTIONS, type ModuleNode } from './index.ts';
import type { Diagnostic } from '../errors/diagnostic.ts';
import { spanAt } from '../errors/span.ts';
import { loadTypeScript } from './transpile.ts';

/** The declarations of `tabtrain`, made by scripts/apiTypes.mjs. */
export interface ApiTypes {
  /** By path. */
  readonly files: Readonly<Record<string, string>>;
  /** The one that `tabtrain` is. */
  readonly entry: string;
}

export interface TypeCheckSource {
  readonly api: ApiTypes;
  /** Text of TypeScript's own `lib.*.d.ts`, by name. */
  readonly readLib: (name: string) => string | undefined;
}

/** Where the host below keeps each kind of file. */
const LIB = '/lib';
const API = '/tabtrain-types';
const OWN = '/modules';

/**
 * Check modules together.
 * @param graph everything that they import
 * @returns warnings, each at its line, in the order of the files
 */
export async function checkTypes(
  graph: ReadonlyMap<string, ModuleNode>,
  source: TypeCheckSource,
): Promise<Diagnostic[]> {
  const ts = await loadTypeScript();
  const options: ts.CompilerOptions = { ...MODULE_COMPILER_OPTIONS, types: [] };
  const program = ts.createProgram({
    rootNames: [...graph.keys()].map(nameOf),
    options,
    host: makeHost(ts, options, graph, source),
  });
  return [...graph].flatMap(([path, { text }]) => {
    const file = program.getSourceFile(nameOf(path));
    const found = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
    return found.map(({ start = 0, length = 0, messageText, code }): Diagnostic => {
      const message = ts.flattenDiagnosticMessageText(messageText, ' ');
      const span = spanAt(path, text, start, start + length);
      return { severity: 'warning', code: `TS${code}`, message, span };
    });
  });
}

function makeHost(
  typescript: typeof ts,
  options: ts.CompilerOptions,
  graph: ReadonlyMap<string, ModuleNode>,
  { api, readLib }: TypeCheckSource,
): ts.CompilerHost {
  const readFile = (name: string): string | undefined => {
    if (name.startsWith(`${LIB}/`)) return readLib(name.slice(LIB.length + 1));
    if (name.startsWith(`${API}/`)) return api.files[name.slice(API.length + 1)];
    return graph.get(pathOf(name))?.text;
  };
  return {
    readFile,
    fileExists: (name) => readFile(name) !== undefined,
    getSourceFile: (name, version) => {
      const text = readFile(name);
      return text === undefined ? undefined : typescript.createSourceFile(name, text, version);
    },
    getDefaultLibFileName: () => `${LIB}/${typescript.getDefaultLibFileName(options)}`,
    getDefaultLibLocation: () => LIB,
    getCurrentDirectory: () => '/',
    getCanonicalFileName: (name) => name,
    useCaseSensitiveFileNames: () => true,
    getNewLine: () => '\n',
    writeFile: () => undefined,
    resolveModuleNameLiterals: (literals, from) =>
      literals.map(({ text }) => {
        const resolvedFileName = from.startsWith(`${API}/`)
          ? new URL(`${text}.d.ts`, `file://${from}`).pathname
          : resolvedName(graph.get(pathOf(from))?.targets.get(text), api);
        if (resolvedFileName === null) return { resolvedModule: undefined };
        const extension = /\.d\.ts$|\.[jt]s$/.exec(resolvedFileName)?.[0] ?? '.ts';
        return { resolvedModule: { resolvedFileName, extension } };
      }),
  };
}

function resolvedName(target: ReturnType<ModuleNode['targets']['get']>, { entry }: ApiTypes): string | null {
  if (target?.kind === 'builtin') return `${API}/${entry}`;
  return target?.kind === 'file' ? nameOf(target.path) : null;
}

/** Absolute paths are the command line's. */
function nameOf(path: string): string {
  return path.startsWith('/') ? `${OWN}/absolute${path}` : `${OWN}/relative/${path}`;
}

function pathOf(name: string): string {
  const path = name.slice(OWN.length + 1);
  return path.startsWith('absolute/') ? path.slice('absolute'.length) : path.slice('relative/'.length);
}
