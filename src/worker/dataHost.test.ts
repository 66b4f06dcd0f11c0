import { afterEach, expect, test } from 'vitest';
import { createMemoryFs } from '../storage/memoryFs.ts';
import { createMemoryLocks } from '../storage/memoryLocks.ts';
import { RpcClient } from './channel.ts';
import { createDataHost } from './dataHost.ts';
import type { DataCalls, DataEvents } from './protocol.ts';

const ports: MessagePort[] = [];
afterEach(() => {
  for (const port of ports.splice(0)) port.close();
});

async function connect() {
  const { port1, port2 } = new MessageChannel();
  ports.push(port1, port2);
  const fs = createMemoryFs();
  await fs.writeFile('data/cells/import_report.json', '{}');
  await fs.writeFile('work_dirs/a/1/epoch_1.pth', 'x');
  await fs.writeFile('workspace/configs/a.py', 'a = 1\n');
  const unused = (): never => {
    throw new Error('not needed here');
  };
  createDataHost(port2, {
    fs: async () => fs,
    locks: createMemoryLocks(),
    checkImage: unused,
    openFile: unused,
    inspectCheckpoint: unused,
  });
  return { fs, client: new RpcClient<DataCalls, DataEvents>(port1) };
}

const OUTSIDE = [
  'data/cells/import_report.json',
  'work_dirs/a/1/epoch_1.pth',
  'workspace/../data/cells/import_report.json',
  'workspace',
  'workspace/configs/../..',
  '',
  'workspaces/a.py',
];

test('files are written, renamed, copied and removed in the workspace only', async () => {
  const { fs, client } = await connect();
  const refused = { code: 'outside-folder' };
  for (const path of OUTSIDE) {
    await expect(client.call('files.writeText', { path, text: 'x' })).rejects.toMatchObject(refused);
    await expect(client.call('files.remove', { path })).rejects.toMatchObject(refused);
    const here = 'workspace/configs/a.py';
    for (const name of ['files.rename', 'files.copy'] as const) {
      await expect(client.call(name, { from: path, to: 'workspace/b.py' })).rejects.toMatchObject(refused);
      await expect(client.call(name, { from: here, to: path })).rejects.toMatchObject(refused);
    }
    const files = [{ path, text: 'x' }];
    await expect(client.call('workspace.seed', { files })).rejects.toMatchObject(refused);
  }
  expect(await fs.readText('data/cells/import_report.json')).toBe('{}');
  expect(await fs.readText('work_dirs/a/1/epoch_1.pth')).toBe('x');
  await client.call('files.writeText', { path: 'workspace/configs/b.py', text: 'b = 2\n' });
  await client.call('files.rename', { from: 'workspace/configs/b.py', to: 'workspace/c.py' });
  await client.call('files.remove', { path: 'workspace/configs/a.py' });
  expect((await client.call('files.tree', { path: 'workspace' })).map((f) => f.path)).toEqual([
    'workspace/c.py',
  ]);
});

test('removing a run or a data set removes nothing else', async () => {
  const { fs, client } = await connect();
  for (const workDir of ['workspace', 'work_dirs', 'work_dirs/../data', 'data/cells'])
    await expect(client.call('runs.remove', { workDir })).rejects.toMatchObject({ code: 'outside-folder' });
  for (const name of ['', '.', '..', '../workspace'])
    await expect(client.call('datasets.remove', { name })).rejects.toMatchObject({ code: 'outside-folder' });
  await client.call('runs.remove', { workDir: 'work_dirs/a/1' });
  await client.call('datasets.remove', { name: 'cells' });
  expect(await fs.stat('work_dirs/a/1')).toBeNull();
  expect(await fs.stat('data/cells')).toBeNull();
  expect(await fs.readText('workspace/configs/a.py')).toBe('a = 1\n');
});
