import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { ArgDoc } from '../contracts/argumentDocs.ts';
import { argumentDocs, argumentTables } from './argDocs.ts';

test('docs/ARGUMENTS.md is what the declarations say (node scripts/argumentTables.mjs writes it)', () => {
  expect(readFileSync(new URL('../../docs/ARGUMENTS.md', import.meta.url), 'utf8')).toBe(argumentTables());
});

test('every argument has one sentence of help, at every depth', () => {
  const { classes, topLevel } = argumentDocs();
  expect(classes.length).toBeGreaterThan(100);
  const look = (args: readonly ArgDoc[], path: string): void => {
    for (const { name, help, keys, entries, variants } of args) {
      expect(help, `${path}.${name}`).toMatch(/^\S.{5,}[.?!)]$/s);
      look(keys, `${path}.${name}`);
      look(entries, `${path}.${name}`);
      for (const own of Object.values(variants?.tables ?? {})) look(own, `${path}.${name}`);
    }
  };
  look(topLevel, '');
  for (const { type, args } of classes) look(args, type);
});

test('all of our classes declare what they take', () => {
  const bare = argumentDocs().classes.flatMap(({ registry, type, args }) =>
    args.some(({ help }) => help === '') ? [`${registry}.${type}`] : [],
  );
  expect(bare).toEqual([]);
});
