import { afterEach, expect, test } from 'vitest';
import { pickVariant, setVariantChoices } from './variantChoice.ts';

afterEach(() => {
  setVariantChoices({});
});

const CANDIDATES = [{ name: 'plain' }, { name: 'tiled' }];

test('pickVariant: the remembered name, else the fallback', () => {
  expect(pickVariant('conv2d 1x1', CANDIDATES, 'plain')).toBe('plain');
  setVariantChoices({ 'conv2d 1x1': 'tiled' });
  expect(pickVariant('conv2d 1x1', CANDIDATES, 'plain')).toBe('tiled');
  expect(pickVariant('conv2d 3x3', CANDIDATES, 'plain')).toBe('plain');
});

test('pickVariant: a remembered name that is no candidate is ignored', () => {
  setVariantChoices({ 'conv2d 1x1': 'gone' });
  expect(pickVariant('conv2d 1x1', CANDIDATES, 'plain')).toBe('plain');
});
