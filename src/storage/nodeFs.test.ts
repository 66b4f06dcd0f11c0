import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

test('files of one new folder can be written at the same time', async () => {
  const fs = createNodeFs(mkdtempSync(join(tmpdir(), 'tabtrain-nodefs-')));
  const names = Array.from({ length: 40 }, (_, i) => `a/b${i % 3}/c/${i}.txt`);
  await Promise.all(names.map((name) => fs.writeFile(name, name)));
  for (const name of names) expect(await fs.readText(name)).toBe(name);
});
