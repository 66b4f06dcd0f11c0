import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createMemoryFs } from '../storage/memoryFs.ts';
import { knownAddresses, placesOf } from './addresses.ts';
import { localWeights, type FetchProgress } from './fetchWeights.ts';

const BYTES = Uint8Array.from({ length: 3_000_000 }, (_, i) => (i * 7 + (i >> 8)) % 256);
const SHA = createHash('sha256').update(BYTES).digest('hex');
const GOOD = `net-${SHA.slice(0, 8)}.pth`;

let server: Server;
let base = '';
let asked: { url: string; range: string | undefined }[] = [];
/** How often the host breaks off before it gives a file whole. */
let breaksLeft = 0;

beforeAll(async () => {
  server = createServer(answer);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  asked = [];
  breaksLeft = 0;
});

/** As `toEqual`, which takes seconds. */
const isWhole = (bytes: Uint8Array): boolean => Buffer.compare(bytes, BYTES) === 0;

function answer(request: IncomingMessage, response: ServerResponse): void {
  const url = request.url ?? '';
  asked.push({ url, range: request.headers.range });
  if (url.startsWith('/moved/')) {
    response.writeHead(302, { location: url.replace('/moved', '') }).end();
    return;
  }
  if (url.startsWith('/gone/')) {
    response.writeHead(404).end();
    return;
  }
  const knowsRanges = !url.startsWith('/whole/');
  const start = knowsRanges ? Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0) : 0;
  if (start >= BYTES.length) {
    response.writeHead(416).end();
    return;
  }
  response.writeHead(start > 0 ? 206 : 200, { 'content-length': BYTES.length - start });
  if (breaksLeft === 0) {
    response.end(BYTES.subarray(start));
    return;
  }
  breaksLeft -= 1;
  response.write(BYTES.subarray(start, start + 600_000), () => setTimeout(() => response.destroy(), 20));
}

test('a file is fetched with progress, checked, kept, and never fetched again', async () => {
  const fs = createMemoryFs();
  const told: FetchProgress[] = [];
  const path = await localWeights(fs, `${base}/moved/${GOOD}`, { onProgress: (one) => told.push(one) });
  expect(path).toBe(`checkpoints/${GOOD}`);
  expect(isWhole(await fs.readFile(path))).toBe(true);
  expect(told.at(-1)).toEqual({ name: GOOD, bytes: BYTES.length, total: BYTES.length });
  expect(await fs.list('checkpoints')).toHaveLength(1);
  asked = [];
  expect(await localWeights(fs, `${base}/moved/${GOOD}`)).toBe(path);
  expect(asked).toEqual([]);
});

test.each([
  ['goes on where it broke off', '', 'bytes='],
  ['begins anew where the host knows no ranges', '/whole', 'bytes='],
])('a broken transfer %s', async (_, folder, range) => {
  const fs = createMemoryFs();
  breaksLeft = 1;
  const path = await localWeights(fs, `${base}${folder}/${GOOD}`);
  expect(isWhole(await fs.readFile(path))).toBe(true);
  expect(asked.map((one) => one.range?.slice(0, range.length))).toEqual([undefined, range]);
});

test('a transfer that breaks again and again ends with what to do; the next one goes on with its part', async () => {
  const fs = createMemoryFs();
  breaksLeft = 9;
  await expect(localWeights(fs, `${base}/other.pth`)).rejects.toMatchObject({
    code: 'weights-not-fetched',
    hint: expect.stringContaining(`get ${base}/other.pth with a browser`) as string,
  });
  breaksLeft = 0;
  asked = [];
  expect(isWhole(await fs.readFile(await localWeights(fs, `${base}/other.pth`)))).toBe(true);
  expect(asked).toHaveLength(1);
});

test('stopped, the part stays, and the next transfer goes on there', async () => {
  const fs = createMemoryFs();
  const stop = new AbortController();
  breaksLeft = 1;
  const fetching = localWeights(fs, `${base}/other.pth`, {
    signal: stop.signal,
    onProgress: () => stop.abort(),
  });
  await expect(fetching).rejects.toMatchObject({ code: 'cancelled' });
  expect((await fs.list('checkpoints')).map(({ name }) => name)).toEqual(['other.pth.part']);
  expect(isWhole(await fs.readFile(await localWeights(fs, `${base}/other.pth`)))).toBe(true);
  expect(asked.at(-1)?.range).toMatch(/^bytes=[1-9]/);
});

test.each([
  [
    'another file than its name says',
    () => `${base}/net-00000000.pth`,
    /its SHA-256 begins with [0-9a-f]{8}, not 00000000/,
  ],
  ['a file that is gone', () => `${base}/gone/a.pth`, /answered 404 for a\.pth/],
  ['a host that is not there', () => 'http://127.0.0.1:9/a.pth', /could not be reached/],
])('%s is told with the way around it, and leaves nothing behind', async (_, address, message) => {
  const fs = createMemoryFs();
  await expect(localWeights(fs, address())).rejects.toMatchObject({
    code: 'weights-not-fetched',
    message: expect.stringMatching(message) as string,
    hint: expect.stringMatching(
      /^get http.* drop it on the page, or put it into checkpoints\/ as /,
    ) as string,
  });
  expect(await fs.list('checkpoints')).toEqual([]);
});

test('a file that was dropped instead is taken, by any of its names', async () => {
  const dropped = createMemoryFs({ 'checkpoints/resnet18-f37072fd.pth': 'x' });
  const refuse = (): Promise<Response> => Promise.reject(new Error('nothing is fetched'));
  expect(await localWeights(dropped, 'torchvision://resnet18', { fetch: refuse })).toBe(
    'checkpoints/resnet18-f37072fd.pth',
  );
});

test('where the first place fails the next one is asked', async () => {
  const urls: string[] = [];
  const get = ((url: string) => {
    urls.push(url);
    const isMirror = url.includes('jsdelivr');
    return isMirror ? Promise.reject(new TypeError('Failed to fetch')) : fetch(`${base}/whole/${GOOD}`);
  }) as typeof fetch;
  await localWeights(createMemoryFs(), 'npm://pack@1.0.0/a.pth', { fetch: get });
  expect(urls).toEqual([
    'https://cdn.jsdelivr.net/npm/pack@1.0.0/a.pth',
    'https://unpkg.com/pack@1.0.0/a.pth',
  ]);
});

test("a graph model's weights are fetched beside it", async () => {
  const model = JSON.stringify({
    format: 'graph-model',
    weightsManifest: [{ paths: ['a.bin'], weights: [] }],
  });
  const get = ((url: string) =>
    Promise.resolve(new Response(url.endsWith('.json') ? model : 'bytes'))) as typeof fetch;
  const fs = createMemoryFs();
  expect(await localWeights(fs, 'npm://pack@1.0.0/models/a.json', { fetch: get })).toBe('checkpoints/a.json');
  expect(await fs.readText('checkpoints/a.bin')).toBe('bytes');
});

test('every row of the table leads somewhere with a checksum of its own; slips are told', () => {
  for (const address of knownAddresses()) {
    const places = placesOf(address) ?? [];
    expect(
      places.some(({ sha256 }) => sha256?.length === 8),
      address,
    ).toBe(true);
  }
  expect(placesOf('checkpoints/a.pth')).toBeNull();
  expect(() => placesOf('torchvision://resnet19')).toThrow("got 'resnet19'");
  expect(() => placesOf('s3://bucket/a.pth')).toThrow('http, torchvision, open-mmlab and npm');
});
