// TypeScript in the editor: colours, completion, hover, squiggles, with tabtrain's own declarations. Loaded with the first
// module that is opened; the compiler runs in a worker of its own.

import 'monaco-editor/languages/definitions/typescript/register';
import {
  ModuleKind,
  ScriptTarget,
  typescriptDefaults,
} from 'monaco-editor/languages/features/typescript/register';
import { ENTRY, FILES } from 'virtual:tabtrain-types';
import { OWN_SPECIFIERS } from '../../config/index.ts';

/** Where the declarations lie, among the files that TypeScript sees. */
const TYPES = 'file:///tabtrain-types';
const WORKSPACE = 'file:///workspace';
/** `moduleResolution: 'bundler'`, which Monaco's own enum doesn't know. */
const BUNDLER = 100;

/** Another module of the workspace, which the open one may import. */
export interface ModuleText {
  /** From the root of the tab's file system: `workspace/mmdet/a.ts`. */
  readonly path: string;
  readonly text: string;
}

const declarations = Object.entries(FILES).map(([path, content]) => ({
  content,
  filePath: `${TYPES}/${path}`,
}));

typescriptDefaults.setCompilerOptions({
  target: ScriptTarget.ESNext,
  module: ModuleKind.ESNext,
  moduleResolution: BUNDLER as never,
  allowImportingTsExtensions: true,
  isolatedModules: true,
  noEmit: true,
  strict: true,
  useDefineForClassFields: true,
  paths: {
    ...Object.fromEntries(OWN_SPECIFIERS.map((name) => [name, [`${TYPES}/${ENTRY}`]])),
    '*': [`${WORKSPACE}/*`, `${WORKSPACE}/src/*`],
  },
});
typescriptDefaults.setEagerModelSync(true);
typescriptDefaults.setExtraLibs(declarations);

/** Tell TypeScript what the other modules hold. */
export function setWorkspaceModules(modules: readonly ModuleText[]): void {
  const own = modules.map(({ path, text }) => ({ content: text, filePath: `file:///${encodeURI(path)}` }));
  typescriptDefaults.setExtraLibs([...declarations, ...own]);
}
