// POSIX paths inside the workspace.

/** The folder of a path: '' for a file at the root. */
export function folderOf(path: string): string {
  const at = path.lastIndexOf('/');
  return at === -1 ? '' : at === 0 ? '/' : path.slice(0, at);
}

/** The last part of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The extension with its dot, '' without one; a leading dot belongs to the name. */
export function extensionOf(path: string): string {
  const name = baseName(path);
  const at = name.lastIndexOf('.');
  return at > 0 ? name.slice(at) : '';
}

/** Join a folder and a path relative to it, resolving '.' and '..'; a path that leaves the root keeps its '..'. */
export function resolvePath(folder: string, path: string): string {
  const isAbsolute = path.startsWith('/') || folder.startsWith('/');
  const parts: string[] = [];
  for (const part of (path.startsWith('/') ? path : `${folder}/${path}`).split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..' && parts.length > 0 && parts[parts.length - 1] !== '..') parts.pop();
    else if (part !== '..' || !isAbsolute) parts.push(part);
  }
  return (isAbsolute ? '/' : '') + parts.join('/');
}
