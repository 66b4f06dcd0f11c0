// Paths in the workspace: which files are configs, which a person's own modules, and which names a file may have.

export function isConfigFile(path: string): boolean {
  return /\.(py|json|ya?ml)$/.test(path);
}

/** TypeScript, with completion and squiggles. */
export function isModuleFile(path: string): boolean {
  return path.endsWith('.ts');
}

/** `configs/my/a.py`: names between single slashes, none of them `.` or `..`. */
export function isUsablePath(path: string): boolean {
  return /^[^/\\]+(\/[^/\\]+)*$/.test(path) && !/(^|\/)\.\.?(\/|$)/.test(path);
}

/**
 * A path that is free: itself, or one with a number behind its name.
 * @example freePath('a/my_hook.ts', (path) => path === 'a/my_hook.ts') // 'a/my_hook2.ts'
 */
export function freePath(path: string, isTaken: (path: string) => boolean): string {
  let free = path;
  for (let n = 2; isTaken(free); n++) free = path.replace(/(\.\w+)?$/, `${n}$1`);
  return free;
}
