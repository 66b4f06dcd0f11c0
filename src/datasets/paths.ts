/**
 * Join as Python's `os.path.join`: an absolute second part replaces the first; empty parts vanish.
 * @example joinPath('data/bccd', 'a.jpg') // 'data/bccd/a.jpg'
 */
export function joinPath(base: string | null | undefined, path: string): string {
  if (!base || path.startsWith('/')) return path;
  return base.endsWith('/') ? base + path : `${base}/${path}`;
}
