import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { inspect } from './inspect.ts';

const golden = (name: string): string =>
  fileURLToPath(new URL(`../serialization/pth/__golden__/${name}`, import.meta.url));

describe('inspect', () => {
  test('text: meta, one line per tensor, the rest without tensors', async () => {
    const text = (await inspect(golden('zip.pth'), false)).replace(golden('zip.pth'), 'zip.pth');
    expect(text).toMatchInlineSnapshot(`
      "zip.pth: 1807 bytes, 6 tensors, 33 parameters and buffers
      keys: meta, state_dict, optimizer

      meta
        {"epoch":3,"lr":1,"name":"é","big":"1180591620717411303424","flags":[true,null],"raw":"<2 bytes>"}

      tensors (key, dtype and shape, CRC-32, first values)
        state_dict.w           float32[3, 4]  7560316f  [0, 0.125, 0.25, 0.375, 0.5, …]
        state_dict.w_t         float32[4, 3]  ded8ed0f  [0, 0.5, 1, 0.125, 0.625, …]
        state_dict.row         float32[4]     8dd51c3d  [0.5, 0.625, 0.75, 0.875]
        state_dict.bf          bfloat16[4]    19df9a8d  [0, 0.375, 0.75, 1.125]
        state_dict.count       int64[]        3c0cfb55  ["9007199254740993"]
        optimizer.state.0.buf  float32[3, 2]  1fe7e552  [0, 0.25, 0.5, 0.75, 1, …]

      optimizer
        {"state":{"0":{"step":5}},"param_groups":[{"lr":0.02,"params":[0]}]}"
    `);
  });

  test('JSON: the same as data', async () => {
    const data = JSON.parse(await inspect(golden('legacy.pth'), true)) as { tensors: { crc32: string }[] };
    const zipped = JSON.parse(await inspect(golden('zip.pth'), true)) as typeof data;
    expect(data).toEqual(zipped);
    expect(data.tensors).toHaveLength(6);
  });

  test('every refusal names the file', async () => {
    await expect(inspect(golden('none.pth'), false)).rejects.toMatchObject({
      code: 'not-found',
      isInputError: true,
    });
    await expect(inspect(golden(''), false)).rejects.toMatchObject({ code: 'not-a-checkpoint' });
    const path = golden('evil.pth');
    await expect(inspect(path, false)).rejects.toMatchObject({ code: 'unsafe-global', path });
  });
});
