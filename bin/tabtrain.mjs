#!/usr/bin/env node
// `npx tabtrain …` in the checkout: the command line, bundled afresh whenever a source is newer.
import { pathToFileURL } from 'node:url';
import { storedTypes } from '../scripts/apiTypes.mjs';
import { bundleNode } from '../scripts/bundleNode.mjs';

process.setSourceMapsEnabled(true);
const entry = process.argv[2] === 'parity' ? 'conformance/main.ts' : 'src/cli/main.ts';
const { main, onStrayError } = await import(pathToFileURL(await bundleNode(entry)).href);
process.on('unhandledRejection', onStrayError);
process.on('uncaughtException', onStrayError);
const code = await main(process.argv.slice(2), { loadApiTypes: storedTypes });
// Dawn keeps native threads alive; the work is done, so leave once the output is out.
process.exitCode = code;
process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
