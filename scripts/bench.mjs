// npm run bench -- [arguments]: the benchmarks on this machine's adapter; --help lists the arguments.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensurePackages, root } from './setup.mjs';

ensurePackages();
const { buildNode } = await import('./bundleNode.mjs');
// Contenders load the bundle while the run goes on: a source saved meanwhile must not make it another one.
const cache = join(root, 'node_modules/.cache/tabtrain');
mkdirSync(cache, { recursive: true });
const folder = mkdtempSync(join(cache, 'bench-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
process.on('SIGINT', () => process.exit(130));
await buildNode('bench/main.ts', folder);
const { main } = await import(pathToFileURL(join(folder, 'main.js')).href);
const { version: jaxVersion } = JSON.parse(
  readFileSync(`${root}/node_modules/@jax-js/jax/package.json`, 'utf8'),
);
// Devices keep the event loop alive.
process.exit(await main(process.argv.slice(2), { torchScript: `${root}/bench/torchPeer.py`, jaxVersion }));
