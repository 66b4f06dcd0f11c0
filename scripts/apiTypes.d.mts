import type { Plugin } from 'vite';

export function apiTypes(): Plugin;
/** The declarations for the command line: those of a file that is as new as the sources. */
export function storedTypes(): Promise<{ entry: string; files: Record<string, string> }>;
/** Declaration files by path below src/. */
export function emitTypes(): Promise<Record<string, string>>;
