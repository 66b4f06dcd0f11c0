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

const MAX_ROOM_BYTES = 2 ** 30;
const ROOM_SHARE = 1 / 8;

/** What a module may hold where nobody tells how much there is: browsers say the machine's memory, roughly, or nothing. */
export function roomInPage(): number {
  const { navigator } = globalThis as { navigator?: { readonly deviceMemory?: number } };
  const machineBytes = (navigator?.deviceMemory ?? 4) * 2 ** 30;
  return Math.min(MAX_ROOM_BYTES, machineBytes * ROOM_SHARE);
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
