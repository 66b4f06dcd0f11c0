import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

// DESIGN.md section 2: a file imports only its own folder or a lower layer, and no files import each other in a circle;
// type imports too. Tests and their helpers may import anything.
const LAYERS = [
  ['errors'],
  ['util'],
  ['contracts'],
  ['lang', 'serialization'],
  ['config', 'registry', 'storage', 'evaluation'],
  ['usercode', 'schedules'],
  ['gpu', 'loggers'],
  ['nn', 'formats', 'weights'],
  ['optim', 'datasets', 'models'],
  ['importing', 'runner'],
  ['tabtrain.ts'],
  ['plan'],
  ['run'],
  ['worker', 'cli'],
  ['ui'],
];
const UI_MAY_IMPORT = ['ui', 'contracts', 'config', 'usercode', 'lang', 'schedules', 'errors', 'util'];
const UI_MAY_IMPORT_FILES = ['worker/protocol.ts', 'worker/client.ts'];

const src = dirname(fileURLToPath(import.meta.url));
const layerOf = new Map(LAYERS.flatMap((folders, layer) => folders.map((f) => [f, layer] as const)));
const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((f) => /\.(ts|svelte)$/.test(f));
const product = files.filter((f) => !/\.test\.ts$|\/testing\/|^layering/.test(f));

const topOf = (file: string): string => file.split('/')[0] ?? file;

function specifiersOf(file: string): string[] {
  const text = readFileSync(join(src, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  const found = text.matchAll(/(?:from|import|import\()\s*['"]([^'"]+)['"]|new URL\(\s*['"]([^'"]+)['"]/g);
  return [...found].map((match) => match[1] ?? match[2] ?? '');
}

/** The files of src/ that a file imports. */
function importsOf(file: string): string[] {
  return specifiersOf(file)
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => relative(src, resolve(src, dirname(file), specifier.replace(/\?.*/, ''))));
}

function breaches(file: string): string[] {
  const folder = topOf(file);
  const layer = layerOf.get(folder);
  const found = specifiersOf(file)
    .filter((specifier) => specifier.startsWith('@tensorflow/') && folder !== 'gpu')
    .map((specifier) => `${file} imports ${specifier}; only gpu/ may`);
  for (const target of importsOf(file)) {
    const targetFolder = topOf(target);
    if (targetFolder === folder) continue;
    if (target.startsWith('..')) {
      if (!existsSync(join(src, target)) || /\.(ts|svelte)$/.test(target))
        found.push(`${file} imports ${target}, which is outside of src/`);
      continue;
    }
    const targetLayer = layerOf.get(targetFolder);
    const isAllowed =
      folder === 'ui'
        ? UI_MAY_IMPORT.includes(targetFolder) || UI_MAY_IMPORT_FILES.includes(target)
        : layer !== undefined && targetLayer !== undefined && targetLayer < layer;
    if (!isAllowed) found.push(`${file} imports ${target}`);
  }
  return found;
}

/** Groups of files each of which can be reached from each other one (Tarjan's strongly connected components). */
function circles(): string[][] {
  const known = new Set(product);
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];
  const visit = (file: string): number => {
    const own = index.size;
    index.set(file, own);
    let lowest = own;
    stack.push(file);
    for (const target of importsOf(file)) {
      if (!known.has(target)) continue;
      if (!index.has(target)) lowest = Math.min(lowest, visit(target));
      else if (stack.includes(target)) lowest = Math.min(lowest, index.get(target) ?? own);
    }
    low.set(file, lowest);
    if (lowest === own) {
      const group = stack.splice(stack.indexOf(file));
      if (group.length > 1) found.push(group.sort());
    }
    return lowest;
  };
  for (const file of product) if (!index.has(file)) visit(file);
  return found;
}

test('every file imports only its own folder or a lower layer', () => {
  expect(product.length).toBeGreaterThan(10);
  expect(product.flatMap(breaches)).toEqual([]);
});

test('no files import each other in a circle', () => {
  expect(circles()).toEqual([]);
});

test('every top folder has a layer', () => {
  expect([...new Set(product.map(topOf))].filter((name) => !layerOf.has(name))).toEqual([]);
});
