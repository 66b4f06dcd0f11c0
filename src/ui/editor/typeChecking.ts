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
import { MODULE_COMPILER_OPTIONS, moduleAliases, OWN_SPECIFIERS } from '../../usercode/index.ts';
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
  /** Of those that the editor doesn't show. */
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

/** Files that only TypeScript sees, by path. */
const aliases = new Map<string, { readonly text: string; dispose(): void }>();
/** The modules that no editor shows, as they were when squiggles were drawn last. */
let drawn = '';
let revision: { dispose(): void } | null = null;

/** Tell TypeScript what the workspace's modules hold: only what is new is read again. */
export function setWorkspaceModules({ paths, texts, roots }: WorkspaceModules): void {
  setModels(paths, texts);
  setAliases(moduleAliases(paths, roots, ALIASES));
  const hidden = editor.getModels().filter((model) => isModule(model) && !model.isAttachedToEditor());
  const state = hidden.map((model) => `${model.uri.toString()} ${model.getVersionId()}`).join('\n');
  if (state === drawn) return;
  drawn = state;
  // A module's squiggles are drawn anew when a file of this kind changes, but not when a module does that it imports.
  revision?.dispose();
  const text = `export type Modules = ${JSON.stringify(state)};`;
  revision = typescriptDefaults.addExtraLib(text, uriOf(`${ALIASES}/revision.d.ts`));
}

function isModule({ uri }: editor.ITextModel): boolean {
  return uri.scheme === 'file';
}

/** A model for each module that no editor shows. */
function setModels(paths: readonly string[], texts: readonly ModuleText[]): void {
  const wanted = new Set(paths.map((path) => Uri.parse(uriOf(path)).toString()));
  for (const model of editor.getModels()) {
    const isGone = isModule(model) && !wanted.has(model.uri.toString());
    if (isGone && !model.isAttachedToEditor()) model.dispose();
  }
  for (const { path, text } of texts) {
    const uri = Uri.parse(uriOf(path));
    const model = editor.getModel(uri);
    if (model?.isAttachedToEditor() || model?.getValue() === text) continue;
    if (model) model.setValue(text);
    else editor.createModel(text, 'typescript', uri);
  }
}

function setAliases(files: readonly ModuleText[]): void {
  const wanted = new Map(files.map(({ path, text }) => [path, text]));
  for (const [path, { text, dispose }] of aliases) {
    if (wanted.get(path) === text) continue;
    dispose();
    aliases.delete(path);
  }
  for (const [path, text] of wanted) {
    if (aliases.has(path)) continue;
    const { dispose } = typescriptDefaults.addExtraLib(text, uriOf(path));
    aliases.set(path, { text, dispose });
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
  const client = await connect(...modules.map(({ path }) => Uri.parse(uriOf(path))));
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
  // The services start with the first model of the language, which is there by now.
  for (;;) {
    const connect = await getTypeScriptWorker().catch(() => null);
    if (connect) return connect;
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
