import { expect, test } from 'vitest';
import { readPth } from './pth/index.ts';
import { ZipWriter } from './zip/writer.ts';

const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
const tar = (name: string): string => `${name.padEnd(257, '\0')}ustar\0`.padEnd(512, '\0');

test.each([
  ['\x08\x07\x12\x07pytorch\x1a\x051.13:', 'an ONNX model'],
  ['\x89HDF\r\n\x1a\n\0\0', 'an HDF5 file'],
  ['\x1c\0\0\0TFL3', 'a TensorFlow Lite model'],
  ['\x08\x01\x12\xff\x01', 'a TensorFlow SavedModel'],
  ['\0\0\0\0\x02\0\0\0\x05\0\0\0', 'a darknet .weights file'],
  ['\x93NUMPY\x01\0', 'a NumPy array'],
  ['\x1f\x8b\x08', 'a gzip archive'],
  [tar('storages'), 'a tar file of PyTorch before 0.1.10'],
  [tar('model/epoch_1.pth'), 'a tar archive'],
  ['<!DOCTYPE html><html>404', 'a web page'],
  ['  <HTML><body>Not found', 'a web page'],
  ['<?xml version="1.0"?>\n<Error><Code>AccessDenied', 'an error page'],
  ['{"message": "Not Found"}', 'a JSON text of 24 bytes'],
  ['Access denied\n', 'a text of 14 bytes: "Access denied"'],
  ['version https://git-lfs.github.com/spec/v1', 'a Git LFS pointer'],
  ['\x80\x02}q\x00.', 'a pickle that torch.save did not write'],
  ['\x80\x04\x95\x05\0\0\0\0\0\0\0}\x94.', 'a pickle that torch.save did not write'],
])('%j is named: %s', async (text, what) => {
  await expect(readPth(latin1(text))).rejects.toMatchObject({
    code: 'not-a-checkpoint',
    message: expect.stringContaining(`got ${what}`),
    hint: expect.any(String),
  });
});

test.each([
  ['epoch_12.pth', 'a zip with epoch_12.pth in it'],
  ['model.weights.h5', 'a Keras model'],
  ['x.npy', 'a NumPy archive'],
  ['saved_model/saved_model.pb', 'a TensorFlow SavedModel'],
  ['MAR-INF/MANIFEST.json', 'a TorchServe archive'],
])('a zip of %s is %s', async (name, what) => {
  const chunks: Uint8Array[] = [];
  const zip = new ZipWriter({ write: async (chunk) => void chunks.push(chunk) });
  await zip.add(name, latin1('x'));
  await zip.finish();
  await expect(readPth(new Uint8Array(Buffer.concat(chunks)))).rejects.toMatchObject({
    code: 'not-a-checkpoint',
    message: expect.stringContaining(`got ${what}`),
  });
});
