// When a run's folder gets its first file.

import { expect, test } from 'vitest';
import { createMemoryFs } from '../storage/memoryFs.ts';
import { RunFolder } from './runFolder.ts';
import { NEW_RECORD, readRunRecord } from './runRecord.ts';

const PATH = 'work_dirs/a/1';

async function openFolder(fs = createMemoryFs()) {
  const folder = await RunFolder.open({
    fs,
    path: PATH,
    owner: 'training of a.py by me',
    timestamp: 't',
    onEvent: () => undefined,
  });
  folder.record = { ...NEW_RECORD, configName: 'a', configPath: 'a.py', startedMs: 1 };
  folder.keep('a.py', 'x = 1\n');
  folder.logger.info('first');
  await folder.logger.flush();
  return { fs, folder };
}

test('a run that is killed before it begins leaves no folder', async () => {
  const { fs } = await openFolder();
  expect(await fs.stat(PATH)).toBeNull();
});

test('with its begin, or with its end where it did not begin, a new folder has all that was kept', async () => {
  for (const settle of [
    (folder: RunFolder) => folder.begin(),
    (folder: RunFolder) => folder.end('failed', 'no data'),
  ]) {
    const { fs, folder } = await openFolder();
    await settle(folder);
    expect((await fs.list(PATH)).map(({ name }) => name)).toEqual(['a.py', 'run.json', 't.log']);
    folder.logger.info('second');
    await folder.logger.flush();
    expect(await fs.readText(`${PATH}/t.log`)).toMatch(/first\n.*second\n/);
  }
});

test("an earlier run's folder stays as it was until an iteration is trained", async () => {
  const fs = createMemoryFs({ [`${PATH}/epoch_1.pth`]: 'PK' });
  const { folder } = await openFolder(fs);
  await folder.begin();
  await folder.end('failed', 'no data');
  expect((await fs.list(PATH)).map(({ name }) => name)).toEqual(['epoch_1.pth']);
  await folder.claim();
  await folder.end('finished', null);
  expect(await readRunRecord(fs, PATH)).toMatchObject({ status: 'finished' });
});
