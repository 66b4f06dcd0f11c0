#!/usr/bin/env node
// Runs the TypeScript command line in place: no build step between an edit and `npx tabtrain`.
import { register } from 'tsx/esm/api';

register();
const { main } = await import('../src/cli/main.ts');
process.exitCode = await main(process.argv.slice(2));
// Dawn keeps native threads alive; the work is done, so leave.
process.exit(process.exitCode);
