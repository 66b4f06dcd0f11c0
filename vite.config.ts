import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

// Class names are config names and names in the log: the minifier must keep them.
const rolldownOptions = { output: { keepNames: true } };

export default defineConfig({
  plugins: [svelte({ configFile: false })],
  worker: { format: 'es', rolldownOptions },
  build: { target: 'es2023', chunkSizeWarningLimit: 4000, rolldownOptions },
  server: { headers: { 'Cache-Control': 'no-store' } },
});
