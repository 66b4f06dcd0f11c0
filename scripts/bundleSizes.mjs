// Prints what the built page loads and when, gzipped, and fails when a part is too large.
// The shell is everything that loads before Monaco and the training worker: the page, and the file worker's start.

import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

// The plan worker knows every class by name.
const LIMITS = {
  shell: 150_000,
  worker: 490_000,
  planner: 800_000,
  compiler: 1_300_000,
  typeChecking: 2_600_000,
};
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(root, 'dist');
const assets = readdirSync(join(dist, 'assets'));
const html = readFileSync(join(dist, 'index.html'), 'utf8');

/** The one asset that is named so. */
function asset(pattern) {
  const found = assets.filter((name) => pattern.test(name));
  if (found.length !== 1)
    throw new Error(`expected one asset like ${pattern}, found ${found.join(', ') || 'none'}`);
  return `assets/${found[0]}`;
}

/** A file and everything it imports; `deep` follows dynamic imports too, but not into `except`. */
function closure(starts, deep, except = []) {
  const seen = new Set(except);
  const queue = [...starts];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (seen.has(file)) continue;
    seen.add(file);
    if (!file.endsWith('.js')) continue;
    const text = readFileSync(join(dist, file), 'utf8');
    const imports = text.matchAll(/(?:\bfrom|\bimport)\s*["'`](\.\.?\/[^"'`]+)["'`]/g);
    const dynamic = deep ? text.matchAll(/\bimport\(\s*["'`](\.\.?\/[^"'`]+)["'`]/g) : [];
    // The declarations of tabtrain are text in which imports stand too: only files that exist count.
    for (const [, path] of [...imports, ...dynamic]) {
      const imported = normalize(join(dirname(file), path));
      if (existsSync(join(dist, imported))) queue.push(imported);
    }
  }
  for (const file of except) seen.delete(file);
  return seen;
}

function bytesOf(files) {
  return [...files].reduce(
    (sum, file) => sum + gzipSync(readFileSync(join(dist, file)), { level: 9 }).length,
    0,
  );
}

const linked = [...html.matchAll(/(?:src|href)="\/(assets\/[^"]+\.(?:js|css))"/g)].map(([, path]) => path);
const seeds = asset(/^workspaceSeeds-.*\.js$/);
const shell = closure([...linked, seeds, asset(/^dataWorker-.*\.js$/)], false);
const monaco = closure(
  [asset(/^monaco-.*\.js$/), asset(/^monaco-.*\.css$/), asset(/^editor\.worker-.*\.js$/)],
  true,
);
const reader = closure([asset(/^config-.*\.js$/)], false);
// TypeScript's compiler: each worker has a copy of its own, loaded by runs with modules of the person's.
const compilers = assets.filter((name) => /^typescript-.*\.js$/.test(name)).map((name) => `assets/${name}`);
// What a run loads when its config asks for it: classes by name, the API of own modules, weights by address, YAML.
const catalog = readFileSync(join(root, 'src/models/catalog.ts'), 'utf8');
const classes = [...catalog.matchAll(/import\('(.+)\.ts'\)/g)].map(([, path]) => basename(path));
const named = [...classes, 'builtins', 'linker', 'fetchWeights', 'graphCheckpoint', 'yamlText'];
const lazy = assets
  .filter((name) => named.some((one) => name.replace(/-.{8}\.js$/, '') === one))
  .map((name) => `assets/${name}`);
const worker = closure([asset(/^runWorker-.*\.js$/)], true, [...compilers, ...lazy]);
const wholeWorker = closure([asset(/^runWorker-.*\.js$/)], true, compilers);
const decoder = closure([asset(/^decodeWorker-.*\.js$/)], true, [...compilers, ...lazy]);
const planner = closure([asset(/^planWorker-.*\.js$/)], true, compilers);
const typeChecking = closure([asset(/^typeChecking-.*\.js$/), asset(/^ts\.worker-.*\.js$/)], true);
const without = (files, ...others) => new Set([...files].filter((file) => !others.some((o) => o.has(file))));

const shellBytes = bytesOf(shell) + gzipSync(html).length;
const workerBytes = bytesOf(worker);
const rows = [
  ['shell (page, styles, file worker)', shellBytes, LIMITS.shell],
  ['run worker', workerBytes, LIMITS.worker],
  ['what configs ask for, all of it', bytesOf(without(wholeWorker, worker)), null],
  ['decode worker', bytesOf(decoder), LIMITS.worker],
  ['plan worker', bytesOf(planner), LIMITS.planner],
  ['Monaco, its styles and worker', bytesOf(without(monaco, shell)), null],
  [
    'compiler (runs with own modules)',
    Math.max(...compilers.map((file) => bytesOf([file]))),
    LIMITS.compiler,
  ],
  ['type checking (an open module)', bytesOf(without(typeChecking, monaco, shell)), LIMITS.typeChecking],
  ['config reader (beside Monaco)', bytesOf(without(reader, shell)), null],
];
for (const [name, bytes, limit] of rows) {
  const kilobytes = (bytes / 1000).toFixed(1).padStart(8);
  console.log(`${kilobytes} kB gzipped  ${name}${limit === null ? '' : ` (at most ${limit / 1000} kB)`}`);
}
const tooLarge = rows.filter(([, bytes, limit]) => limit !== null && bytes > limit);
for (const [name] of tooLarge) console.error(`too large: ${name}`);
process.exit(tooLarge.length === 0 ? 0 : 1);
