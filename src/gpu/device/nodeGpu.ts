// WebGPU for Node through Dawn (npm `webgpu`). Only the command line, benchmarks and tests import this file, and only
// dynamically: it must never enter the page's bundle.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DeviceError } from '../../errors/index.ts';
import { setWaitPacer } from './handle.ts';

interface Candidate {
  readonly name: 'gpu' | 'lavapipe' | 'swiftshader';
  /** Vulkan driver manifest, or null for whatever the loader finds. */
  readonly icd: string | null;
}

const ICD_FOLDERS = ['/usr/share/vulkan/icd.d', '/etc/vulkan/icd.d', '/usr/local/share/vulkan/icd.d'];
const SWIFTSHADER_ICDS = [
  '/usr/lib/chromium/vk_swiftshader_icd.json',
  '/usr/lib/chromium-browser/vk_swiftshader_icd.json',
  '/opt/google/chrome/vk_swiftshader_icd.json',
];

// Dawn's GPU object must stay referenced for as long as anything made from it is used.
let installed: GPU | null = null;

/**
 * Put WebGPU on `globalThis` and `navigator.gpu`. Picks a real GPU if there is one, else Mesa's lavapipe (25 or newer),
 * else Chromium's SwiftShader. `TABTRAIN_ADAPTER=gpu|lavapipe|swiftshader|auto` overrides the choice, and so does a
 * `VK_ICD_FILENAMES` that is already set.
 *
 * @throws DeviceError `no-adapter` naming the Debian packages to install.
 */
export async function installNodeGpu(): Promise<void> {
  if (installed) return;
  const { create, globals } = await import('webgpu');
  // lavapipe warns on stderr without it.
  process.env.XDG_RUNTIME_DIR ??= '/tmp';
  for (const candidate of candidates()) {
    if (candidate.icd !== null) process.env.VK_ICD_FILENAMES = candidate.icd;
    const gpu = create([]);
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
    if (!adapter) continue;
    Object.assign(globalThis, globals);
    Object.defineProperty(globalThis.navigator ?? defineNavigator(), 'gpu', {
      value: gpu,
      configurable: true,
    });
    installed = gpu;
    setWaitPacer(beginWait);
    return;
  }
  throw new DeviceError('no Vulkan driver was found that WebGPU can use', {
    code: 'no-adapter',
    hint:
      'install libvulkan1 and mesa-vulkan-drivers (25 or newer: Debian bookworm has it in bookworm-backports), or chromium, ' +
      'whose SwiftShader driver works as well; TABTRAIN_ADAPTER=lavapipe|swiftshader picks one',
  });
}

// Dawn's Node binding polls in a setImmediate loop while a promise of it is open: a whole core, which a software adapter
// could compute with. A short sleep in each turn of the event loop gives it back.
const POLL_PAUSE_MS = 1;
const never = new Int32Array(new SharedArrayBuffer(4));
let openWaits = 0;
let isPausing = false;

function beginWait(): { end(): void } {
  openWaits += 1;
  // One loop only: the last wait's may still be scheduled.
  if (!isPausing) setImmediate(pauseTurn);
  isPausing = true;
  return {
    end: () => {
      openWaits -= 1;
    },
  };
}

function pauseTurn(): void {
  isPausing = openWaits > 0;
  if (!isPausing) return;
  Atomics.wait(never, 0, 0, POLL_PAUSE_MS);
  setImmediate(pauseTurn);
}

function defineNavigator(): Navigator {
  // Node 20 has no navigator.
  const navigator = {} as Navigator;
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
  return navigator;
}

function candidates(): Candidate[] {
  const wanted = process.env.TABTRAIN_ADAPTER ?? 'auto';
  const all = [gpu(), lavapipe(), swiftshader()].filter((candidate) => candidate !== null);
  if (wanted !== 'auto') return all.filter((candidate) => candidate.name === wanted);
  if (process.env.VK_ICD_FILENAMES !== undefined) return [{ name: 'gpu', icd: null }];
  return all;
}

function gpu(): Candidate | null {
  const hasDevice =
    existsSync('/dev/nvidia0') ||
    (existsSync('/dev/dri') && readdirSync('/dev/dri').some((file) => file.startsWith('renderD')));
  const isElsewhere = process.platform !== 'linux';
  return hasDevice || isElsewhere ? { name: 'gpu', icd: null } : null;
}

function lavapipe(): Candidate | null {
  for (const folder of ICD_FOLDERS.filter((path) => existsSync(path))) {
    const file = readdirSync(folder).find((name) => /^lvp_icd.*\.json$/.test(name));
    if (file !== undefined) return { name: 'lavapipe', icd: join(folder, file) };
  }
  return null;
}

function swiftshader(): Candidate | null {
  const icd = SWIFTSHADER_ICDS.find((path) => existsSync(path));
  return icd === undefined ? null : { name: 'swiftshader', icd };
}
