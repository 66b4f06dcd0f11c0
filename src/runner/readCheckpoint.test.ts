import { expect, test } from 'vitest';
import { createMemoryFs } from '../storage/memoryFs.ts';
import { readCheckpoint } from './checkpoint.ts';

test('a file that is no checkpoint is told with its path', async () => {
  const fs = createMemoryFs({ 'a/empty.pth': '', 'a/text.pth': 'model = dict()' });
  for (const path of ['a/none.pth', 'a/empty.pth', 'a/text.pth'])
    await expect(readCheckpoint(fs, path)).rejects.toMatchObject({ name: 'CheckpointError', path });
});
