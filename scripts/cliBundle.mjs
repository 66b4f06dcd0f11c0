// Bundles the TypeScript command line, when it is older than its sources. tfjs's modules can't be imported by
// Node one by one (they import directories), so the command line runs from one bundle.
import { mkdirSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const outdir = join(root, 'node_modules/.cache/tabtrain-cli');
const stamp = join(outdir, '.stamp');

/** @returns the absolute path of the bundled entry, which exports `main(argv)` */
export async function bundleCli() {
  const entry = join(outdir, 'main.js');
  const built = statSync(stamp, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((f) =>
    f.endsWith('.ts'),
  );
  const newest = Math.max(
    statSync(join(root, 'package-lock.json')).mtimeMs,
    ...sources.map((file) => statSync(join(root, 'src', file)).mtimeMs),
  );
  if (built > newest) return entry;
  const started = Date.now();
  const { build } = await import('esbuild');
  rmSync(outdir, { recursive: true, force: true });
  await build({
    entryPoints: [join(root, 'src/cli/main.ts')],
    outdir,
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    // Class names are config names: they must survive.
    keepNames: true,
    sourcemap: 'linked',
    external: ['webgpu', 'sharp'],
    // Its Node build is CommonJS, whose names a split bundle can't import.
    alias: { yaml: join(root, 'node_modules/yaml/browser/index.js') },
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    logLevel: 'error',
  });
  mkdirSync(outdir, { recursive: true });
  writeFileSync(stamp, '');
  // The stamp's time is the start: a file saved while bundling is newer.
  utimesSync(stamp, new Date(started), new Date(started));
  return entry;
}
