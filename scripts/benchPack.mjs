// npm run bench:pack [-- FILE]: one archive with the benchmarks, Dawn and Node's own binary, for an x86-64 Linux machine
// with a GPU and without Node. There: tar xf FILE && tabtrain-bench/run.sh [arguments].
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { ensurePackages, root } from './setup.mjs';

const MAX_BYTES = 60e6;
const RUN_SH = `#!/bin/sh
# All suites, or what the arguments say (--help). Results lie in results/ beside this file.
here=$(cd "\${0%/*}" && pwd)
# Dawn looks for Vulkan's loader. Machines with a GPU driver but without the loader get the packed one.
case $({ ldconfig -p || /sbin/ldconfig -p; } 2>/dev/null) in
  *libvulkan.so.1*) ;;
  *) export LD_LIBRARY_PATH="$here/lib\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" ;;
esac
exec "$here/node" "$here/run.mjs" "$@"
`;
const RUN_MJS = `// Started by run.sh.
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { main } from './bundle/main.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const launch = { torchScript: here + 'torchPeer.py', jaxVersion: 'JAX_VERSION', resultsFolder: here + 'results' };
mkdirSync(launch.resultsFolder, { recursive: true });
const argv = process.argv.slice(2);
const runs = argv.length > 0 ? [argv] : ['step', 'kernels', 'optimizer', 'scaling'].map((suite) => ['--suite', suite]);
let code = 0;
for (const args of runs) code = Math.max(code, await main(args, launch));
process.exit(code);
`;

if (process.platform !== 'linux' || process.arch !== 'x64') {
  console.error('npm run bench:pack packs this Node for x86-64 Linux: run it there');
  process.exit(1);
}
ensurePackages();
const { buildNode } = await import('./bundleNode.mjs');
const hasXz = spawnSync('xz', ['--version']).status === 0;
const archive = resolve(process.argv[2] ?? join(root, 'dist', `tabtrain-bench.tar.${hasXz ? 'xz' : 'gz'}`));
const work = join(root, 'node_modules/.cache/tabtrain/bench-pack');
const folder = join(work, 'tabtrain-bench');
const modules = join(root, 'node_modules');
const { version: jaxVersion } = JSON.parse(readFileSync(`${modules}/@jax-js/jax/package.json`, 'utf8'));

rmSync(work, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const bundle = join(folder, 'bundle');
await buildNode('bench/main.ts', bundle);
for (const file of readdirSync(bundle).filter((name) => name.endsWith('.map'))) rmSync(join(bundle, file));
copyFileSync(join(root, 'bench/torchPeer.py'), join(folder, 'torchPeer.py'));
for (const part of ['package.json', 'index.js', 'LICENSE.md', 'dist/linux-x64'])
  cpSync(join(modules, 'webgpu', part), join(folder, 'node_modules/webgpu', part), { recursive: true });
const loader = ['/usr/lib/x86_64-linux-gnu', '/usr/lib64', '/usr/lib']
  .map((path) => join(path, 'libvulkan.so.1'))
  .find((path) => existsSync(path));
if (loader) {
  mkdirSync(join(folder, 'lib'));
  // The file behind the link.
  copyFileSync(loader, join(folder, 'lib/libvulkan.so.1'));
}
copyFileSync(process.execPath, join(folder, 'node'));
// Without its symbols Node is a few MB smaller; not every machine has strip.
spawnSync('strip', ['--strip-unneeded', join(folder, 'node')]);
writeFileSync(join(folder, 'package.json'), '{ "type": "module", "private": true }\n');
writeFileSync(join(folder, 'run.mjs'), RUN_MJS.replace('JAX_VERSION', jaxVersion));
writeFileSync(join(folder, 'run.sh'), RUN_SH);
for (const file of ['run.sh', 'node']) chmodSync(join(folder, file), 0o755);

mkdirSync(join(archive, '..'), { recursive: true });
if (existsSync(archive)) rmSync(archive);
const filter = archive.endsWith('.xz') ? 'xz -T0 -6' : 'gzip -9';
execFileSync('tar', ['-C', work, '-I', filter, '-cf', archive, 'tabtrain-bench'], { stdio: 'inherit' });
rmSync(work, { recursive: true, force: true });
const bytes = statSync(archive).size;
console.log(`${archive}: ${(bytes / 1e6).toFixed(1)} MB`);
if (bytes > MAX_BYTES) {
  console.error(`the archive must stay below ${MAX_BYTES / 1e6} MB`);
  process.exit(1);
}
