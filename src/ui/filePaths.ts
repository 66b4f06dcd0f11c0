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
