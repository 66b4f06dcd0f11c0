import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../../../shared/', import.meta.url));

/**
 * Absolute path (with a trailing slash) of the shared folder beside the checkout, with fixtures and datasets;
 * undefined on a lone clone.
 * @throws Error in CI when it is missing, so that nothing is skipped silently there.
 */
export const sharedDir: string | undefined = existsSync(folder) ? folder : undefined;

if (!sharedDir && process.env.CI) throw new Error(`CI needs the shared folder at ${folder}`);
