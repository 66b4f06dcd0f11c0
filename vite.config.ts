import { svelte } from '@sveltejs/vite-plugin-svelte';
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';
import { apiTypes } from './scripts/apiTypes.mjs';

// Class names are config names and names in the log: the minifier must keep them.
const rolldownOptions = { output: { keepNames: true } };

/** Monaco's TypeScript starts its worker through a module that imports every feature of the editor: ours doesn't. */
function slimMonaco(): Plugin {
  const ours = fileURLToPath(new URL('src/ui/editor/monacoWorkers.ts', import.meta.url));
  return {
    name: 'slim-monaco',
    enforce: 'pre',
    resolveId: (id, importer) =>
      /internal\/common\/workers(\.js)?$/.test(id) && importer?.includes('monaco-editor') ? ours : null,
  };
}

export default defineConfig({
  plugins: [svelte({ configFile: false }), slimMonaco(), apiTypes()],
  worker: { format: 'es', rolldownOptions },
  build: { target: 'es2023', chunkSizeWarningLimit: 4000, rolldownOptions },
  server: { headers: { 'Cache-Control': 'no-store' } },
});
