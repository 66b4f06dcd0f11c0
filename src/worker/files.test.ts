import { expect, test } from 'vitest';
import { createMemoryFs } from '../storage/memoryFs.ts';
import { copyFile, fileTree, seedWorkspace, writeExpected } from './files.ts';

const A = 'workspace/configs/a.py';
const B = 'workspace/configs/deep/b.py';

test('the tree lists files below a folder with sizes, hidden ones left out', async () => {
  const fs = createMemoryFs();
  await fs.writeFile(B, 'bb');
  await fs.writeFile(A, 'a');
  await fs.writeFile('workspace/.seeds.json', '{}');
  await fs.writeFile('data/x', '1');
  const tree = await fileTree(fs, 'workspace');
  expect(tree.map(({ path, bytes }) => [path, bytes])).toEqual([
    [A, 1],
    [B, 2],
  ]);
});

test('a copy never writes over a file', async () => {
  const fs = createMemoryFs();
  await fs.writeFile(A, 'a');
  await copyFile(fs, A, B);
  expect(await fs.readText(B)).toBe('a');
  await expect(copyFile(fs, A, B)).rejects.toMatchObject({ code: 'file-exists' });
});

test('a text that another tab has changed is not written over', async () => {
  const fs = createMemoryFs();
  expect(await writeExpected(fs, A, 'first', null)).toBeNull();
  expect(await writeExpected(fs, A, 'theirs', 'first')).toBeNull();
  expect(await writeExpected(fs, A, 'mine', 'first')).toBe('theirs');
  expect(await fs.readText(A)).toBe('theirs');
  expect(await writeExpected(fs, A, 'theirs', 'first')).toBeNull();
  expect(await writeExpected(fs, A, 'over', undefined)).toBeNull();
  await fs.remove(A);
  expect(await writeExpected(fs, A, 'mine', 'over')).toBeNull();
  expect(await fs.readText(A)).toBe('mine');
});

test('seeding: a fresh workspace gets every file', async () => {
  const fs = createMemoryFs();
  expect(await seedWorkspace(fs, [seed(A, '1'), seed(B, '1')])).toEqual([A, B]);
  expect(await fs.readText(A)).toBe('1');
});

test('seeding: a newer text replaces the unedited file, not the edited or the deleted one', async () => {
  const fs = createMemoryFs();
  const C = 'workspace/c.py';
  await seedWorkspace(fs, [seed(A, '1'), seed(B, '1'), seed(C, '1')]);
  await fs.writeFile(B, 'mine');
  await fs.remove(C);
  expect(await seedWorkspace(fs, [seed(A, '2'), seed(B, '2'), seed(C, '2')])).toEqual([A]);
  expect(await fs.readText(A)).toBe('2');
  expect(await fs.readText(B)).toBe('mine');
  expect(await fs.stat(C)).toBeNull();
});

test("seeding: a file of the person's own under a new seed's name is kept", async () => {
  const fs = createMemoryFs();
  await fs.writeFile(A, 'mine');
  expect(await seedWorkspace(fs, [seed(A, '1')])).toEqual([]);
  expect(await fs.readText(A)).toBe('mine');
});

test('seeding: a damaged record loses nothing', async () => {
  const fs = createMemoryFs();
  await seedWorkspace(fs, [seed(A, '1')]);
  await fs.writeFile('workspace/.seeds.json', '{"wor');
  await fs.writeFile(A, 'mine');
  await seedWorkspace(fs, [seed(A, '2')]);
  expect(await fs.readText(A)).toBe('mine');
});

function seed(path: string, text: string) {
  return { path, text };
}
