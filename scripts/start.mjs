// npm start: build the page and serve it. Prints its progress and the address, nothing else.
import { ensurePackages, root, run } from './setup.mjs';

ensurePackages();
console.log('Building the page …');
if (run('npx', ['vite', 'build', '--logLevel', 'error']) !== 0) process.exit(1);
const { preview } = await import('vite');
const server = await preview({
  root,
  logLevel: 'error',
  preview: { port: Number(process.env.PORT ?? 4173), strictPort: false },
});
const [address = server.resolvedUrls?.network[0]] = server.resolvedUrls?.local ?? [];
console.log(`tabtrain is ready: ${address}`);
