// npm start: build the page and serve it. The URL is printed when it is ready.
import { ensurePackages, root, run } from './setup.mjs';

ensurePackages();
if (run('npx', ['vite', 'build', '--logLevel', 'warn']) !== 0) process.exit(1);
const { preview } = await import('vite');
const server = await preview({
  root,
  preview: { port: Number(process.env.PORT ?? 4173), strictPort: false },
});
console.log(
  '\n  tabtrain is ready. Open it in a browser with WebGPU (Chrome, Edge, Safari 26, Firefox 141+):\n',
);
server.printUrls();
