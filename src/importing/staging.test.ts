import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { FileSystem } from '../contracts/fileSystem.ts';
import { createMemoryFs } from '../storage/memoryFs.ts';
import { createMemoryLocks } from '../storage/memoryLocks.ts';
import { createNodeFs } from '../storage/nodeFs.ts';
import { createNodeLocks } from '../storage/nodeLocks.ts';
import { allFiles } from './manifestCases.testing.ts';
import { isUnfinished, openStaging, recoverImports } from './staging.ts';

/** A file system in which moving a folder is copying it, as in OPFS. */
function copyingFs(files: Record<string, string> = {}): FileSystem {
  return Object.assign(createMemoryFs(files), { copiesFolders: true });
}

test('an import that was cut off is removed, one that lacked only its move gets its name', async () => {
  const fs = createMemoryFs({
    'data/.importing-half/images/1.jpg': 'x',
    'data/.importing-whole/images/1.jpg': 'new',
    'data/.importing-whole/.complete': '',
    'data/whole/images/0.jpg': 'part of an earlier move',
    'data/other/images/1.jpg': 'x',
  });
  await recoverImports(fs, createMemoryLocks());
  expect((await allFiles(fs)).sort()).toEqual(['data/other/images/1.jpg', 'data/whole/images/1.jpg']);
  expect(await fs.readText('data/whole/images/1.jpg')).toBe('new');
});

test('a dataset that was set aside for its replacement comes back when there is none', async () => {
  const fs = createMemoryFs({ 'data/.replaced-a/1.jpg': 'old', 'data/.importing-a/1.jpg': 'half' });
  await recoverImports(fs, createMemoryLocks());
  expect(await allFiles(fs)).toEqual(['data/a/1.jpg']);
  expect(await fs.readText('data/a/1.jpg')).toBe('old');
});

test('a move that fails leaves the old dataset under its name', async () => {
  const fs = createMemoryFs({ 'data/a/1.jpg': 'old' });
  const staging = await openStaging(fs, createMemoryLocks(), 'a', true);
  await fs.writeFile(`${staging.folder}/1.jpg`, 'new');
  const rename = fs.rename.bind(fs);
  fs.rename = (from, to) =>
    from === staging.folder ? Promise.reject(new Error('disk full')) : rename(from, to);
  await expect(staging.commit()).rejects.toThrow('disk full');
  await staging.discard();
  expect(await allFiles(fs)).toEqual(['data/a/1.jpg']);
  expect(await fs.readText('data/a/1.jpg')).toBe('old');
});

describe('one import a name', () => {
  test.each([
    ['Node', () => createNodeFs(mkdtempSync(join(tmpdir(), 'tabtrain-staging-')))],
    ['memory', () => createMemoryFs()],
    ['where folders are copied', () => copyingFs()],
  ])('the second is refused, and nothing of the first is tidied away: %s', async (_, create) => {
    const fs = create();
    const locks = createMemoryLocks();
    const first = await openStaging(fs, locks, 'a', false);
    await fs.writeFile(`${first.folder}/1.jpg`, 'x');
    for (const replace of [false, true])
      await expect(openStaging(fs, locks, 'a', replace)).rejects.toMatchObject({
        code: 'import-running',
        message: expect.stringContaining('import of a (this process, since '),
      });
    await recoverImports(fs, locks);
    const other = await openStaging(fs, locks, 'b', false);
    await other.discard();
    await first.commit();
    expect(await allFiles(fs)).toEqual(['data/a/1.jpg']);
    // Free again: only the name is taken now.
    await expect(openStaging(fs, locks, 'a', false)).rejects.toMatchObject({ code: 'dataset-exists' });
  });

  test('what a killed process left is swept by the next import of any name, files being written too', async () => {
    const root = mkdtempSync(join(tmpdir(), 'tabtrain-staging-'));
    const fs = createNodeFs(root);
    await fs.writeFile('data/.importing-gone/images/1.jpg', 'half');
    // Of a process id beyond what Linux gives out.
    await fs.writeFile('data/.importing-gone/images/.tabtrain-tmp-zzzzzz-1', 'half a file');
    const staging = await openStaging(fs, createNodeLocks(root), 'b', false);
    await staging.discard();
    expect(await allFiles(fs)).toEqual([]);
    expect(await fs.stat('data/.importing-gone')).toBeNull();
  });
});

describe('where moving a folder copies it', () => {
  test('a new dataset is built in its place and counts only when it is complete', async () => {
    const fs = copyingFs();
    fs.rename = () => Promise.reject(new Error('nothing is moved'));
    const staging = await openStaging(fs, createMemoryLocks(), 'a', false);
    expect(staging.folder).toBe('data/a');
    await fs.writeFile('data/a/1.jpg', 'x');
    expect(await isUnfinished(fs, 'a')).toBe(true);
    await staging.commit();
    expect(await isUnfinished(fs, 'a')).toBe(false);
    expect(await allFiles(fs)).toEqual(['data/a/1.jpg']);
  });

  test('one that was cut off is removed', async () => {
    const fs = copyingFs();
    const staging = await openStaging(fs, createMemoryLocks(), 'a', false);
    await fs.writeFile(`${staging.folder}/1.jpg`, 'x');
    await recoverImports(fs, createMemoryLocks());
    expect(await allFiles(fs)).toEqual([]);
  });

  test('a replacement is moved file by file; cut off at any of them, it is completed', async () => {
    const names = ['1.jpg', 'in/2.jpg', 'in/3.jpg'];
    for (let failsAt = 0; failsAt <= names.length; failsAt++) {
      const fs = copyingFs({ 'data/a/in/0.jpg': 'old' });
      const staging = await openStaging(fs, createMemoryLocks(), 'a', true);
      for (const name of names) await fs.writeFile(`${staging.folder}/${name}`, 'new');
      const rename = fs.rename.bind(fs);
      let left = failsAt;
      fs.rename = (from, to) => (left-- === 0 ? Promise.reject(new Error('cut off')) : rename(from, to));
      const outcome = await staging.commit().then(
        () => 'done',
        () => 'failed',
      );
      expect(outcome).toBe(failsAt < names.length ? 'failed' : 'done');
      if (outcome === 'failed') await staging.discard();
      fs.rename = rename;
      await recoverImports(fs, createMemoryLocks());
      expect((await allFiles(fs)).sort()).toEqual(names.map((name) => `data/a/${name}`));
      expect(await fs.readText('data/a/in/2.jpg')).toBe('new');
    }
  });
});
