// What the GPU chip says. Whether WebGPU is there at all is known at once; the adapter's name takes a light probe on
// the main thread, which loads no engine.

import { describeAdapter } from '../adapterName.ts';

export type GpuStatus =
  | { readonly kind: 'checking' }
  | { readonly kind: 'missing'; readonly reason: string }
  | { readonly kind: 'ready'; readonly name: string; readonly isSoftware: boolean };

export class Engine {
  status = $state.raw<GpuStatus>({ kind: 'checking' });

  async probe(): Promise<void> {
    this.status = await probeAdapter();
  }
}

async function probeAdapter(): Promise<GpuStatus> {
  if (!window.isSecureContext) {
    return {
      kind: 'missing',
      reason: 'WebGPU works only over https or on localhost. Open this page from one of them.',
    };
  }
  if (!('gpu' in navigator)) {
    return {
      kind: 'missing',
      reason:
        'This browser has no WebGPU, which training needs. Use a current Chrome, Edge, Firefox or Safari.',
    };
  }
  try {
    const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
    if (!adapter) {
      return {
        kind: 'missing',
        reason:
          'WebGPU found no graphics adapter. Update the graphics driver, or turn on hardware acceleration in the settings of the browser.',
      };
    }
    return { kind: 'ready', ...describeAdapter(adapter.info) };
  } catch (error) {
    return { kind: 'missing', reason: `WebGPU failed to start: ${String(error)}` };
  }
}
