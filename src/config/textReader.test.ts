import { expect, test } from 'vitest';
import { createMemoryFs } from '../storage/memoryFs.ts';
import { configTextReader } from './textReader.ts';

test('reads UTF-8, knows a missing file, and names the line that is not UTF-8', async () => {
  const fs = createMemoryFs();
  await fs.writeFile('good.py', "name = 'é'\r\n");
  await fs.writeFile('latin.py', Uint8Array.from([0x61, 0x3d, 0x31, 0x0a, 0x62, 0xe9, 0x0a]));
  await fs.makeDir('folder');
  const read = configTextReader(fs);
  expect(await read('good.py')).toBe("name = 'é'\r\n");
  expect(await read('none.py')).toBeNull();
  expect(await read('folder')).toBeNull();
  await expect(read('latin.py')).rejects.toMatchObject({ code: 'not-utf8', span: { line: 2 } });
});
