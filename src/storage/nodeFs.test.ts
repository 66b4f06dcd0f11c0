import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createNodeFs } from './nodeFs.ts';

// Node's recursive mkdir never comes back here.
test.runIf(existsSync('/proc/self'))(
  'a folder that refuses children is told, and nothing hangs',
  async () => {
    const fs = createNodeFs('/');
    await expect(fs.makeDir('/proc/nope/deeper')).rejects.toMatchObject({
      name: 'StorageError',
      path: '/proc/nope/deeper',
    });
    await expect(fs.writeFile('/proc/nope/a.txt', 'a')).rejects.toMatchObject({ name: 'StorageError' });
  },
);
