import { expect, test } from 'vitest';
import { adapterKey, adapterName, isSoftwareAdapter, type AdapterFacts } from './adapterName.ts';

const facts = (vendor: string, architecture: string, device = '', description = ''): AdapterFacts => ({
  ...{ vendor, architecture, device, description },
});

test.each([
  // Dawn in Node: the device by name, the driver as description.
  ['NVIDIA H100 80GB HBM3', facts('nvidia', 'hopper', 'nvidia-h100-80gb-hbm3', 'NVIDIA: 550.54.15')],
  ['NVIDIA GeForce RTX 4090', facts('nvidia', 'lovelace', 'nvidia-geforce-rtx-4090', '551.86')],
  // Chrome with developer features: a number, the card as description.
  ['NVIDIA GeForce RTX 4090', facts('nvidia', 'lovelace', '0x2684', 'NVIDIA GeForce RTX 4090')],
  // Chrome, Safari.
  ['NVIDIA Ampere', facts('nvidia', 'ampere')],
  ['Apple METAL-3', facts('', '', '', 'Apple METAL-3')],
  ['Intel Gen 12LP', facts('intel', 'gen-12lp')],
  ['unknown adapter', facts('', '')],
  // Programs: with their version.
  [
    'llvmpipe: Mesa 25.0.7',
    facts('mesa', 'software', 'llvmpipe-llvm-15-0-6-256-bits-', 'llvmpipe: Mesa 25.0.7'),
  ],
  ['Google SwiftShader', facts('google', 'swiftshader')],
])('%s', (name, told) => {
  expect(adapterName(told)).toBe(name);
});

test('software adapters are told by any of the four', () => {
  expect(isSoftwareAdapter(facts('mesa', 'software'))).toBe(true);
  expect(isSoftwareAdapter(facts('google', 'swiftshader'))).toBe(true);
  expect(isSoftwareAdapter(facts('nvidia', 'hopper', 'nvidia-h100', '550.54'))).toBe(false);
});

test('two cards under one driver have keys of their own, and so has one card under two drivers', () => {
  const a = adapterKey(facts('nvidia', 'hopper', 'nvidia-h100', 'NVIDIA: 550.54'));
  const b = adapterKey(facts('nvidia', 'hopper', 'nvidia-h200', 'NVIDIA: 550.54'));
  const c = adapterKey(facts('nvidia', 'hopper', 'nvidia-h100', 'NVIDIA: 560.10'));
  expect(new Set([a, b, c]).size).toBe(3);
});
