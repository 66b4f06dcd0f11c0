import { memory } from '../../gpu/index.ts';
import { declareArgs, int, optional, withDefaults, type ArgsOf } from '../../registry/args/index.ts';
import type { ArgSpec } from '../../registry/argSpec.ts';
import { HOOKS } from '../../registry/registries.ts';
import type { BaseRunner } from '../baseRunner.ts';
import { Hook } from './hook.ts';

const MEGABYTE = 1024 * 1024;

/** What V8 tells in Chromium and what Node tells; neither is everywhere. */
interface HostMemory {
  process?: { memoryUsage?: () => { rss: number; heapUsed: number } };
  performance?: { memory?: { usedJSHeapSize: number } };
}

const ARGS = declareArgs({
  interval: optional(int, 50, 'How often the memory is logged; below 1: never.', 'iterations'),
});

/**
 * Logs every `interval` iterations what memory the run holds: tensors and GPU buffers, and the JavaScript heap and the
 * process where the host tells.
 * Source: mmdet 2.28.2 `core/hook/memory_profiler_hook.py`. Differs: the machine's free memory and swap can't be seen
 * from a tab, so the run's own numbers stand in their place.
 */
export class MemoryProfilerHook extends Hook {
  static readonly args: ArgSpec = ARGS;
  readonly interval: number;

  constructor(args: ArgsOf<typeof ARGS> = {}) {
    super();
    this.interval = withDefaults(ARGS, args).interval;
  }

  override afterIter(runner: BaseRunner): void {
    if (!this.everyNIters(runner, this.interval)) return;
    const { numTensors, numBytes, numBytesInGpu } = memory();
    const parts = [
      `tensors: ${numTensors}`,
      `tensor_memory: ${megabytes(numBytes)}`,
      `gpu_buffer_memory: ${megabytes(numBytesInGpu)}`,
    ];
    const host = globalThis as unknown as HostMemory;
    const node = host.process?.memoryUsage?.();
    const heap = node?.heapUsed ?? host.performance?.memory?.usedJSHeapSize;
    if (heap !== undefined) parts.push(`js_heap_memory: ${megabytes(heap)}`);
    if (node) parts.push(`current_process_memory: ${megabytes(node.rss)}`);
    runner.logger.info(`Memory information ${parts.join(', ')}`);
  }
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / MEGABYTE)} MB`;
}

HOOKS.registerModule()(MemoryProfilerHook);
