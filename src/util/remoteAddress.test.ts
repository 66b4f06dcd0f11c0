import { expect, test } from 'vitest';
import { remoteScheme } from './remoteAddress.ts';

test.each([
  ['torchvision://resnet50', 'torchvision'],
  ['open-mmlab://detectron2/resnet50_caffe', 'open-mmlab'],
  ['https://x.org/a.pth', 'https'],
  ['https:/x.org/a.pth', 'https'],
  ['HTTP:/x.org/a.pth', 'http'],
  ['s3://bucket/a.pth', 's3'],
  ['checkpoints/a.pth', null],
  ['/data/a:b/c.pth', null],
  ['C:/data/a.pth', null],
])('remoteScheme(%j) is %j', (address, scheme) => {
  expect(remoteScheme(address)).toBe(scheme);
});
