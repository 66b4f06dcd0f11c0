// Bundles TypeScript for Node, when the bundle is older than its sources. tfjs's modules can't be imported by Node
// one by one (they import directories), so the command line and the benchmarks run from a bundle.
import { mkdirSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/**
 * @param entryPoint a TypeScript file, from the root of the checkout
 * @returns the absolute path of its bundle
 */
export async function bundleNode(entryPoint) {
  const name = basename(entryPoint, '.ts');
  const outdir = join(root, 'node_modules/.cache/tabtrain', entryPoint.replaceAll(/\W/g, '-'));
  const stamp = join(outdir, '.stamp');
  const entry = join(outdir, `${name}.js`);
  const built = statSync(stamp, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (built > newestSource()) return entry;
  const started = new Date();
  await buildNode(entryPoint, outdir);
  mkdirSync(outdir, { recursive: true });
  writeFileSync(stamp, '');
  // The stamp's time is the start: a file saved while bundling is newer.
  utimesSync(stamp, started, started);
  return entry;
}

/** Bundle into a folder of one's own, whatever is there. @param outdir absolute path */
export async function buildNode(entryPoint, outdir) {
  const { build } = await import('esbuild');
  rmSync(outdir, { recursive: true, force: true });
  await build({
    entryPoints: [join(root, entryPoint)],
    outdir,
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    // Class names are config names: they must survive.
    keepNames: true,
    sourcemap: 'linked',
    external: ['webgpu', 'sharp', 'typescript'],
    // Its Node build is CommonJS, whose names a split bundle can't import.
    alias: { yaml: join(root, 'node_modules/yaml/browser/index.js') },
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    logLevel: 'error',
  });
}

/** When a source was last written, in ms. */
export function newestSource() {
  const sources = ['src', 'bench', 'conformance'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => join(root, folder, file)),
  );
  return Math.max(...[join(root, 'package-lock.json'), ...sources].map((file) => statSync(file).mtimeMs));
}
