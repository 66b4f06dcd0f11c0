// Type errors of the modules that the open config leads to, and what the editor's TypeScript knows of the workspace. TypeScript
// is loaded with the first config that has modules, or the first module that is opened.

import type { Diagnostic } from '../../errors/diagnostic.ts';
import type { ModuleNode } from '../../usercode/index.ts';
import { isModuleFile } from '../filePaths.ts';
import { entriesOf } from '../folderTree.ts';
import type { ConfigCheck } from './configCheck.svelte.ts';
import type { Workspace } from './workspace.svelte.ts';

const CHECK_DELAY_MS = 400;

export class ModuleCheck {
  /** Warnings, except for what can't be compiled; of all modules that a run would import, opened or not. */
  diagnostics = $state.raw<readonly Diagnostic[]>([]);

  readonly #workspace: Workspace;
  readonly #check: ConfigCheck;
  #round = 0;
  #openPath: string | null = null;

  constructor(workspace: Workspace, check: ConfigCheck) {
    this.#workspace = workspace;
    this.#check = check;
  }

  /** Check again whenever the config, a module, or the list of files changes. Call inside an effect root. */
  follow(): void {
    $effect(() => {
      const { files, openPath, configPath } = this.#workspace;
      const { values } = this.#check;
      const isModuleOpen = isModuleFile(openPath ?? '');
      // Read so that typing in a module counts; a config's changes come with its values.
      if (isModuleOpen) void this.#workspace.text;
      const hasModules = files.some(({ path }) => isModuleFile(path));
      if (!hasModules || configPath === null) {
        this.#round += 1;
        this.diagnostics = [];
        return;
      }
      // What keeps TypeScript from being loaded is told by the editor, which needs it more.
      const run = (): void => void this.#run(configPath, values ?? {}, isModuleOpen).catch(() => undefined);
      // A file that was just opened shouldn't wait for typing to pause.
      const isTyping = openPath === this.#openPath;
      this.#openPath = openPath;
      const timer = setTimeout(run, isTyping ? CHECK_DELAY_MS : 0);
      return () => clearTimeout(timer);
    });
  }

  async #run(
    configPath: string,
    values: Readonly<Record<string, unknown>>,
    isModuleOpen: boolean,
  ): Promise<void> {
    const round = ++this.#round;
    const { moduleRoots } = await import('../../usercode/index.ts');
    const roots = moduleRoots(configPath);
    const graph = await this.#importedModules(values, roots);
    if (round !== this.#round) return;
    if (graph.size === 0 && !isModuleOpen) {
      this.diagnostics = [];
      return;
    }
    const { checkModules, setWorkspaceModules } = await import('../editor/typeChecking.ts');
    const { files, openPath } = this.#workspace;
    const paths = files.map(({ path }) => path).filter((path) => /\.[jt]s$/.test(path));
    // An open one is known as it is typed.
    const others = paths.filter((path) => path !== openPath || !isModuleFile(path));
    const texts = await Promise.all(others.map((path) => this.#workspace.readText(path)));
    if (round !== this.#round) return;
    setWorkspaceModules({
      paths,
      texts: others.map((path, i) => ({ path, text: texts[i] ?? '' })),
      roots,
    });
    const found = await checkModules([...graph].map(([path, { text }]) => ({ path, text })));
    if (round === this.#round) this.diagnostics = found;
  }

  /** The files that a run of the config imports, by path. */
  async #importedModules(
    values: Readonly<Record<string, unknown>>,
    roots: readonly string[],
  ): Promise<Map<string, ModuleNode>> {
    const { automaticModules, customModules, filesOfModule, moduleGraph } =
      await import('../../usercode/index.ts');
    const workspace = this.#workspace;
    const isFile = (path: string): Promise<boolean> => Promise.resolve(workspace.has(path));
    const entries = await automaticModules(roots, (folder) =>
      Promise.resolve(entriesOf(workspace.files, folder)),
    );
    for (const name of customModules(values)) {
      // One that is missing is the config's problem, and told there.
      const files = await filesOfModule(name, roots, isFile, 'custom_imports').catch(() => []);
      entries.push(...files);
    }
    const readText = async (path: string): Promise<string> => (await workspace.readText(path)) ?? '';
    return moduleGraph(entries, { readText, isFile, roots });
  }
}
