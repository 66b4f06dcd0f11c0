import { expect, test } from 'vitest';
import { createMemoryFs } from '../storage/memoryFs.ts';
import { allFiles } from './manifestCases.testing.ts';
import { openStaging, recoverImports } from './staging.ts';

test('an import that was cut off is removed, one that lacked only its move gets its name', async () => {
  const fs = createMemoryFs({
    'data/.importing-half/images/1.jpg': 'x',
    'data/.importing-whole/images/1.jpg': 'new',
    'data/.importing-whole/.complete': '',
    'data/whole/images/0.jpg': 'part of an earlier move',
    'data/other/images/1.jpg': 'x',
  });
  await recoverImports(fs);
  expect((await allFiles(fs)).sort()).toEqual(['data/other/images/1.jpg', 'data/whole/images/1.jpg']);
  expect(await fs.readText('data/whole/images/1.jpg')).toBe('new');
});

test('a dataset that was set aside for its replacement comes back when there is none', async () => {
  const fs = createMemoryFs({ 'data/.replaced-a/1.jpg': 'old', 'data/.importing-a/1.jpg': 'half' });
  await recoverImports(fs);
  expect(await allFiles(fs)).toEqual(['data/a/1.jpg']);
  expect(await fs.readText('data/a/1.jpg')).toBe('old');
});

test('a move that fails leaves the old dataset under its name', async () => {
  const fs = createMemoryFs({ 'data/a/1.jpg': 'old' });
  const staging = await openStaging(fs, 'a', true);
  await fs.writeFile(`${staging.folder}/1.jpg`, 'new');
  const rename = fs.rename.bind(fs);
  fs.rename = (from, to) =>
    from === staging.folder ? Promise.reject(new Error('disk full')) : rename(from, to);
  await expect(staging.commit()).rejects.toThrow('disk full');
  await staging.discard();
  expect(await allFiles(fs)).toEqual(['data/a/1.jpg']);
  expect(await fs.readText('data/a/1.jpg')).toBe('old');
});
