// TypeScript in the editor: colours, completion, hover, squiggles, with tabtrain's own declarations. Loaded with the first
// module that is opened, or that the open config imports; the compiler runs in a worker of its own.

import { editor, Uri } from 'monaco-editor/editor/editor.api';
import 'monaco-editor/languages/definitions/typescript/register';
import {
  getTypeScriptWorker,
  typescriptDefaults,
  type Diagnostic as Finding,
  type TypeScriptWorker,
} from 'monaco-editor/languages/features/typescript/register';
import { ENTRY, FILES } from 'virtual:tabtrain-types';
import { MODULE_COMPILER_OPTIONS, moduleAliases, OWN_SPECIFIERS } from '../../config/index.ts';
import type { Diagnostic } from '../../errors/diagnostic.ts';
import { spanAt } from '../../errors/span.ts';

const ROOT = 'file:///';
/** Where the declarations lie, among the files that TypeScript sees. */
const TYPES = 'tabtrain-types';
/** Where it looks for modules by their dotted names. */
const ALIASES = 'tabtrain-aliases';
const PAUSE_MS = 50;
/** How long a module may take to be opened. */
const MAX_TURNS = 40;

/** A module of the workspace. */
export interface ModuleText {
  /** From the root of the tab's file system: `workspace/mmdet/a.ts`. */
  readonly path: string;
  readonly text: string;
}

export interface WorkspaceModules {
  /** Of all modules. */
  readonly paths: readonly string[];
  /** Of those that no editor shows. */
  readonly texts: readonly ModuleText[];
  /** Folders in which modules are looked for. */
  readonly roots: readonly string[];
}

typescriptDefaults.setCompilerOptions({
  ...(MODULE_COMPILER_OPTIONS as object),
  paths: {
    ...Object.fromEntries(OWN_SPECIFIERS.map((name) => [name, [uriOf(`${TYPES}/${ENTRY}`)]])),
    '*': [uriOf(`${ALIASES}/*`)],
  },
});
typescriptDefaults.setEagerModelSync(true);
typescriptDefaults.setExtraLibs(
  Object.entries(FILES).map(([path, content]) => ({ content, filePath: uriOf(`${TYPES}/${path}`) })),
);

/** What TypeScript was told of the workspace, by path. */
const told = new Map<string, { readonly text: string; dispose(): void }>();

/** Tell TypeScript what the workspace's modules hold: only what is new is read again. */
export function setWorkspaceModules({ paths, texts, roots }: WorkspaceModules): void {
  const files = new Map(
    [...texts, ...moduleAliases(paths, roots, ALIASES)].map(({ path, text }) => [path, text]),
  );
  for (const [path, { text, dispose }] of told) {
    if (files.get(path) === text) continue;
    dispose();
    told.delete(path);
  }
  for (const [path, text] of files) {
    if (told.has(path)) continue;
    const { dispose } = typescriptDefaults.addExtraLib(text, uriOf(path));
    told.set(path, { text, dispose });
  }
}

/**
 * Look for errors in modules, opened or not; {@link setWorkspaceModules} comes first.
 * @returns errors for what can't be compiled, warnings for types that don't fit
 */
export async function checkModules(modules: readonly ModuleText[]): Promise<Diagnostic[]> {
  worker ??= startWorker();
  const connect = await worker;
  // What TypeScript was told reaches its worker with the next turn.
  await pause();
  const client = await connect();
  const found = await Promise.all(modules.map((module) => checkModule(client, module)));
  return found.flat();
}

async function checkModule(client: TypeScriptWorker, module: ModuleText): Promise<Diagnostic[]> {
  const uri = uriOf(module.path);
  for (let turns = 0; turns < MAX_TURNS; turns++) {
    try {
      const syntax = await client.getSyntacticDiagnostics(uri);
      const types = await client.getSemanticDiagnostics(uri);
      return [
        ...syntax.map((finding) => toDiagnostic(finding, module, 'error')),
        ...types.map((finding) => toDiagnostic(finding, module, 'warning')),
      ];
    } catch {
      // A module that is just being opened or closed is not known for a moment.
      await pause();
    }
  }
  return [];
}

type Connect = Awaited<ReturnType<typeof getTypeScriptWorker>>;
let worker: Promise<Connect> | null = null;

async function startWorker(): Promise<Connect> {
  // The services start with the first model of the language.
  const model = editor.createModel('', 'typescript', Uri.parse(uriOf(`${ALIASES}/start.ts`)));
  for (;;) {
    const connect = await getTypeScriptWorker().catch(() => null);
    if (connect) {
      model.dispose();
      return connect;
    }
    await pause();
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}

function toDiagnostic(
  { start = 0, length = 0, code, messageText }: Finding,
  { path, text }: ModuleText,
  severity: Diagnostic['severity'],
): Diagnostic {
  const message = typeof messageText === 'string' ? messageText : messageText.messageText;
  return { severity, code: `TS${code}`, message, span: spanAt(path, text, start, start + length) };
}

function uriOf(path: string): string {
  return ROOT + encodeURI(path);
}
