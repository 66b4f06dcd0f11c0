// How much of its memory this thread uses, where that can be known: Node tells, browsers keep it to themselves.

export interface HeapUse {
  readonly usedBytes: number;
  readonly limitBytes: number;
}

/** The part of Node's `process` that tells; typed here because the core knows no Node. */
interface NodeProcess {
  memoryUsage(): { readonly heapUsed: number; readonly arrayBuffers: number };
  getBuiltinModule?(name: string): unknown;
}
interface V8 {
  getHeapStatistics(): { readonly heap_size_limit: number };
}
interface Os {
  freemem(): number;
}

let limits: { readonly heapBytes: number; readonly buffersBytes: number } | null = null;

/** Of JavaScript's heap, or of typed arrays, whichever is fuller; null where nobody tells. */
export function readHeap(): HeapUse | null {
  const { process } = globalThis as { process?: Partial<NodeProcess> };
  if (!process?.memoryUsage || !process.getBuiltinModule) return null;
  limits ??= {
    heapBytes: (process.getBuiltinModule('node:v8') as V8).getHeapStatistics().heap_size_limit,
    buffersBytes: (process.getBuiltinModule('node:os') as Os).freemem(),
  };
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  const heap = { usedBytes: heapUsed, limitBytes: limits.heapBytes };
  const buffers = { usedBytes: arrayBuffers, limitBytes: limits.buffersBytes };
  const isHeapFuller = heap.usedBytes / heap.limitBytes > buffers.usedBytes / buffers.limitBytes;
  return isHeapFuller ? heap : buffers;
}
