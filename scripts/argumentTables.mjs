// Writes docs/ARGUMENTS.md from what the classes declare.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { bundleNode } from './bundleNode.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { argumentTables } = await import(pathToFileURL(await bundleNode('src/plan/argDocs.ts')).href);
mkdirSync(join(root, 'docs'), { recursive: true });
writeFileSync(join(root, 'docs/ARGUMENTS.md'), argumentTables());
process.exit(0);
