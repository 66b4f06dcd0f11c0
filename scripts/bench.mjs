// npm run bench -- [arguments]: one training step on this machine's adapter, beside stock tfjs with --stock.
import { pathToFileURL } from 'node:url';
import { ensurePackages } from './setup.mjs';

ensurePackages();
const { bundleNode } = await import('./bundleNode.mjs');
await import(pathToFileURL(await bundleNode('bench/step.ts')).href);
