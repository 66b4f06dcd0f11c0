import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

// DESIGN.md section 2: a file imports only its own folder or a lower layer, type imports too.
// (errors/ sits below util/ inside layer 0. Tests and their helpers may import anything.)
const LAYERS = [
  ['errors'],
  ['util'],
  ['lang', 'schedules', 'serialization'],
  ['config', 'registry', 'storage', 'evaluation'],
  ['gpu'],
  ['nn'],
  ['optim', 'datasets', 'models'],
  ['runner'],
  ['apis'],
  ['worker', 'cli'],
  ['ui'],
];
const UI_MAY_IMPORT = ['ui', 'config', 'lang', 'schedules', 'errors', 'util'];
const UI_MAY_IMPORT_FILES = ['worker/protocol.ts', 'worker/client.ts'];

const src = dirname(fileURLToPath(import.meta.url));
const layerOf = new Map(LAYERS.flatMap((folders, layer) => folders.map((f) => [f, layer] as const)));
const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((f) => /\.(ts|svelte)$/.test(f));

function importsOf(file: string): string[] {
  const text = readFileSync(join(src, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  const specifiers = text.matchAll(
    /(?:from|import|import\()\s*['"]([^'"]+)['"]|new URL\(\s*['"]([^'"]+)['"]/g,
  );
  return [...specifiers].map((m) => m[1] ?? m[2]);
}

function breaches(file: string): string[] {
  const folder = file.split('/')[0];
  const layer = layerOf.get(folder);
  if (layer === undefined) return [];
  const found: string[] = [];
  for (const specifier of importsOf(file)) {
    if (specifier.startsWith('@tensorflow/') && folder !== 'gpu')
      found.push(`${file} imports ${specifier}; only gpu/ may`);
    if (!specifier.startsWith('.')) continue;
    const target = relative(src, resolve(src, dirname(file), specifier.split('?')[0]));
    const targetFolder = target.split('/')[0];
    if (targetFolder === folder) continue;
    const targetLayer = layerOf.get(targetFolder);
    const allowed =
      folder === 'ui'
        ? UI_MAY_IMPORT.includes(targetFolder) ||
          UI_MAY_IMPORT_FILES.includes(target) ||
          targetLayer === undefined
        : targetLayer !== undefined && targetLayer < layer;
    if (!allowed) found.push(`${file} imports ${target}`);
  }
  return found;
}

test('every file imports only its own folder or a lower layer', () => {
  const product = files.filter((f) => !/\.test\.ts$|\/testing\//.test(f));
  expect(product.length).toBeGreaterThan(10);
  expect(product.flatMap(breaches)).toEqual([]);
});

test('every top folder has a layer', () => {
  const folders = new Set(files.filter((f) => f.includes('/')).map((f) => f.split('/')[0]));
  expect([...folders].filter((f) => !layerOf.has(f))).toEqual([]);
});
