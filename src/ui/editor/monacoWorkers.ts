// Stands in for Monaco's own module of this name, which would bring every editor feature along (vite.config.ts swaps them).

import { editor } from 'monaco-editor/editor/editor.api';

interface WebWorkerOptions {
  readonly createWorker: () => Worker;
  readonly createData?: unknown;
  readonly host?: Record<string, (...args: unknown[]) => unknown>;
  readonly keepIdleModels?: boolean;
}

/** Start a language's worker as Monaco's one does: two messages, then its protocol. */
export function createWebWorker({
  createWorker,
  createData,
  host,
  keepIdleModels,
}: WebWorkerOptions): editor.MonacoWebWorker<object> {
  const worker = createWorker();
  worker.postMessage('ignore');
  worker.postMessage(createData);
  return editor.createWebWorker({ worker, host, keepIdleModels });
}
