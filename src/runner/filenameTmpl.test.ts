import { expect, test } from 'vitest';
import { formatFilename } from './filenameTmpl.ts';

// CPython 3.11's str.format.
const names: [string, number, string][] = [
  ['epoch_{}.pth', 7, 'epoch_7.pth'],
  ['{0}_and_{0}.pth', 7, '7_and_7.pth'],
  ['epoch_{:d}.pth', 7, 'epoch_7.pth'],
  ['epoch_{:03d}.pth', 7, 'epoch_007.pth'],
  ['epoch_{0:03d}.pth', 1234, 'epoch_1234.pth'],
  ['e{:>5}.pth', 7, 'e    7.pth'],
  ['e{:_>5}.pth', 7, 'e____7.pth'],
  ['e{:#06x}.pth', 255, 'e0x00ff.pth'],
  ['e{:,}.pth', 12345, 'e12,345.pth'],
  ['{{}}_{}.pth', 7, '{}_7.pth'],
  ['model.pth', 7, 'model.pth'],
];
test.each(names)('%s with %i', (template, number, name) => {
  expect(formatFilename(template, number)).toBe(name);
});

const bad = [
  'epoch_{',
  'epoch_}.pth',
  '{}_{}.pth',
  '{1}.pth',
  '{epoch}.pth',
  '{:03q}.pth',
  '{:s}.pth',
  '{0[1]}.pth',
];
test.each(bad)('%s is refused', (template) => {
  expect(() => formatFilename(template, 7)).toThrow(`but got '${template}': `);
});
