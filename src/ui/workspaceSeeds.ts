// The files a fresh workspace starts with: every config that ships with the page. Its own chunk.

import type { SeedFile } from '../worker/protocol.ts';

const texts = import.meta.glob<string>('/configs/**/*.{py,json,yaml,yml}', {
  query: '?raw',
  import: 'default',
  eager: true,
});

/** Sorted by path, each under `workspace/`. */
export const SEED_FILES: readonly SeedFile[] = Object.entries(texts)
  .map(([path, text]) => ({ path: `workspace${path}`, text }))
  .sort((a, b) => (a.path < b.path ? -1 : 1));
