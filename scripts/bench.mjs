// npm run bench -- [arguments]: the benchmarks on this machine's adapter; --help lists the arguments.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { ensurePackages, root } from './setup.mjs';

ensurePackages();
const { bundleNode } = await import('./bundleNode.mjs');
const { main } = await import(pathToFileURL(await bundleNode('bench/main.ts')).href);
const { version: jaxVersion } = JSON.parse(
  readFileSync(`${root}/node_modules/@jax-js/jax/package.json`, 'utf8'),
);
// Devices keep the event loop alive.
process.exit(await main(process.argv.slice(2), { torchScript: `${root}/bench/torchPeer.py`, jaxVersion }));
