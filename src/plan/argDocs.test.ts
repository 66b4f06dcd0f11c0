import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { allArgDocs, argumentTables } from './argDocs.ts';

test('docs/ARGUMENTS.md is what the declarations say (node scripts/argumentTables.mjs writes it)', () => {
  expect(readFileSync(new URL('../../docs/ARGUMENTS.md', import.meta.url), 'utf8')).toBe(argumentTables());
});

test('every argument has one sentence of help', () => {
  const docs = allArgDocs();
  expect(docs.length).toBeGreaterThan(60);
  for (const { type, args } of docs)
    for (const { name, help } of args) expect(help, `${type}.${name}`).toMatch(/^\S.{8,}[.?!)]$/s);
});
