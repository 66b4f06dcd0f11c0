// npm run bench -- [arguments]: the benchmarks on this machine's adapter; --help lists the arguments.
import { existsSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { ensurePackages, root } from './setup.mjs';

ensurePackages();
const { bundleNode } = await import('./bundleNode.mjs');
const argv = process.argv.slice(2);
const isKernels = argv.some(
  (arg, i) => arg === '--suite=kernels' || (arg === 'kernels' && argv[i - 1] === '--suite'),
);
if (isKernels && existsSync(`${root}/bench/kernels.ts`)) {
  // Micro-benchmarks have no peers: a program of their own.
  await import(pathToFileURL(await bundleNode('bench/kernels.ts')).href);
} else {
  const { main } = await import(pathToFileURL(await bundleNode('bench/main.ts')).href);
  const { version: jaxVersion } = JSON.parse(
    readFileSync(`${root}/node_modules/@jax-js/jax/package.json`, 'utf8'),
  );
  // Devices keep the event loop alive.
  process.exit(await main(argv, { torchScript: `${root}/bench/torchPeer.py`, jaxVersion }));
}
