import { expect, test } from 'vitest';
import { isOwnerGone, ownerOf } from './nodeProcess.ts';

test('an owner is gone when its process is, or when another process has its id; other hosts are left alone', () => {
  const own = ownerOf(process.pid);
  expect(own).toMatch(/^[0-9a-z]+$/);
  expect(isOwnerGone(own)).toBe(false);
  const [host, began, pid] = [own.slice(0, 7), own.slice(7, 14), own.slice(14)];
  expect(isOwnerGone(`${host}0000000${pid}`)).toBe(began !== '0000000');
  // Larger than any process id.
  expect(isOwnerGone(`${host}${began}${(2 ** 31 - 1).toString(36)}`)).toBe(true);
  expect(isOwnerGone(`0000000${began}${pid}`)).toBe(false);
});
