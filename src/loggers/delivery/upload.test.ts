import { afterEach, beforeEach, expect, test } from 'vitest';
import { TrackingServer } from '../../runner/hooks/logger/testing/trackingServer.ts';
import { upload } from './upload.ts';
import { at } from '../../util/at.ts';

let server: TrackingServer;
beforeEach(async () => {
  server = new TrackingServer(() => ({ json: { got: true } }));
  await server.start();
});
afterEach(() => server.stop());

const BODY = new Uint8Array(3 << 20).fill(7);

function send(
  stallMs: number,
  controller = new AbortController(),
): { sent: Promise<string>; progress: number[] } {
  const progress: number[] = [];
  const delivery = {
    signal: controller.signal,
    onProgress: () => void progress.push(progress.length),
    stallMs,
  };
  const url = `${server.url}/a`;
  return { sent: upload({ url, headers: { 'X-Test': 'yes' }, body: BODY }, delivery), progress };
}

test('sends every byte, with its length and headers, and tells on the way how it gets on', async () => {
  const { sent, progress } = send(30_000);
  expect(await sent).toBe('{"got":true}');
  const { method, body, headers } = at(server.requests, 0);
  expect(method).toBe('PUT');
  expect(body.equals(BODY)).toBe(true);
  expect(headers).toMatchObject({ 'content-length': String(BODY.length), 'x-test': 'yes' });
  expect(progress.length).toBe(BODY.length / 65536);
});

test('is given up when nothing moves, may it be tried again', async () => {
  server.fate = () => 'hang';
  const { sent } = send(60);
  await expect(sent).rejects.toMatchObject({
    isFinal: false,
    message: expect.stringContaining("can't be reached (nothing moved for 0.06 s)") as string,
  });
});

test.each([
  [403, true],
  [503, false],
])('an answer of %i is told like that of any request', async (status, isFinal) => {
  server.fate = () => ({ status, json: { error: 'no room' } });
  await expect(send(30_000).sent).rejects.toMatchObject({ isFinal, status });
});

test('ends with its signal', async () => {
  server.fate = () => 'hang';
  const controller = new AbortController();
  const { sent } = send(30_000, controller);
  setTimeout(() => controller.abort(), 20);
  await expect(sent).rejects.toMatchObject({ isFinal: false });
});
