import { describe, expect, test } from 'vitest';
import { writeAll } from './opfsHandles.ts';

/** A sync access handle whose writes return these counts, one after the other. */
function handleOf(...counts: number[]): {
  access: Pick<FileSystemSyncAccessHandle, 'write'>;
  ats: unknown[];
} {
  const ats: unknown[] = [];
  const write = (_bytes: unknown, options?: { at?: number }): number => {
    ats.push(options?.at);
    return counts.shift() ?? 0;
  };
  return { access: { write }, ats };
}

describe('writeAll', () => {
  test('goes on behind what a short write took', () => {
    const { access, ats } = handleOf(3, 5);
    writeAll(access, new Uint8Array(8), 100, 'f');
    expect(ats).toEqual([100, 103]);
  });

  // 4294967288 is what Chromium returns at the quota: -8 as uint32.
  test.each([[4294967288], [3, 4294967288], [3, 0], [-8], [9], [3, 6], [NaN]])(
    'counts %s of 8 bytes are a full storage',
    (...counts) => {
      expect(() => writeAll(handleOf(...counts).access, new Uint8Array(8), 0, 'w/epoch_1.pth')).toThrow(
        expect.objectContaining({
          code: 'storage-full',
          path: 'w/epoch_1.pth',
          hint: expect.stringContaining('delete old runs'),
        }),
      );
    },
  );
});
