import type { Plugin } from 'vite';

export function apiTypes(): Plugin;
/** Declaration files by path below src/. */
export function emitTypes(): Promise<Record<string, string>>;
