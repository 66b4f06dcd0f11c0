// What the config language says about the open file: diagnostics and the resolved config. Runs on the main thread
// after a pause in typing; the reader is loaded when first needed.

import type { Diagnostic } from '../../errors/diagnostic.ts';
import { toErrorReport } from '../../errors/trainerError.ts';
import { spanAt } from '../../errors/span.ts';
import { isConfigFile } from '../filePaths.ts';
import type { Workspace } from './workspace.svelte.ts';

const CHECK_DELAY_MS = 250;

export class ConfigCheck {
  diagnostics = $state.raw<readonly Diagnostic[]>([]);
  /** The resolved config as text; null where there is none (broken text, or not a config). */
  resolved = $state.raw<string | null>(null);
  /** The resolved config's values; null as above. */
  values = $state.raw<Readonly<Record<string, unknown>> | null>(null);
  /** The values of the open config as it was when it could be read last; null before. */
  lastValues: Readonly<Record<string, unknown>> | null = null;
  /** False while the text is newer than the diagnostics. */
  isCurrent = $state(false);

  readonly #workspace: Workspace;
  #round = 0;
  #lastPath: string | null = null;

  constructor(workspace: Workspace) {
    this.#workspace = workspace;
  }

  /** Check again whenever the open text or the list of files changes. Call inside an effect root. */
  follow(): void {
    $effect(() => {
      const path = this.#workspace.configPath;
      // Read here so that a change of either runs the effect again.
      const revisionOfText = this.#workspace.text;
      // Modules that are there or missing count too.
      void this.#workspace.files;
      this.isCurrent = false;
      if (path === null) return;
      const timer = setTimeout(() => void this.#check(path, revisionOfText), CHECK_DELAY_MS);
      return () => clearTimeout(timer);
    });
  }

  async #check(path: string, text: string): Promise<void> {
    const round = ++this.#round;
    const result = await check(path, text, (file) => this.#workspace.readText(file));
    if (round !== this.#round) return;
    this.diagnostics = result.diagnostics;
    this.resolved = result.resolved;
    this.values = result.values;
    if (result.values || path !== this.#lastPath) this.lastValues = result.values;
    this.#lastPath = path;
    this.isCurrent = true;
  }
}

interface CheckResult {
  diagnostics: readonly Diagnostic[];
  resolved: string | null;
  values: Readonly<Record<string, unknown>> | null;
}

async function check(
  path: string,
  text: string,
  readText: (path: string) => Promise<string | null>,
): Promise<CheckResult> {
  if (!isConfigFile(path)) return { diagnostics: [], resolved: null, values: null };
  try {
    const [{ loadConfig }, { checkCustomImports }] = await Promise.all([
      import('../../config/index.ts'),
      import('../../usercode/index.ts'),
    ]);
    const { config, diagnostics } = await loadConfig(path, readText, { check: checkCustomImports });
    const isBroken = diagnostics.some((d) => d.severity === 'error');
    return {
      diagnostics,
      resolved: isBroken || !config ? null : config.prettyText(),
      values: isBroken || !config ? null : config.dict,
    };
  } catch (error) {
    const report = toErrorReport(error);
    const span = report.span ?? spanAt(path, text, 0, 0);
    const { message, code, hint } = report;
    return {
      diagnostics: [{ severity: 'error', code, message, span, hint }],
      resolved: null,
      values: null,
    };
  }
}
