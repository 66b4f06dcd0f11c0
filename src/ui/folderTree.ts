// Turns a flat list of paths into folders, for the file list.

export interface FileNode {
  readonly name: string;
  readonly path: string;
}

export interface FolderNode {
  readonly name: string;
  readonly path: string;
  readonly folders: readonly FolderNode[];
  readonly files: readonly FileNode[];
}

/** Folders first, each sorted by name; paths outside `root` are left out. */
export function folderTree(files: readonly { path: string }[], root: string): FolderNode {
  const inside = files.filter((file) => file.path.startsWith(`${root}/`));
  const names = new Set<string>();
  const own: FileNode[] = [];
  for (const { path } of inside) {
    const [first = '', ...rest] = path.slice(root.length + 1).split('/');
    if (rest.length > 0) names.add(first);
    else own.push({ name: first, path });
  }
  const byName = (a: { name: string }, b: { name: string }): number => a.name.localeCompare(b.name, 'en');
  return {
    name: root.slice(root.lastIndexOf('/') + 1),
    path: root,
    folders: [...names].map((name) => folderTree(inside, `${root}/${name}`)).sort(byName),
    files: own.sort(byName),
  };
}

/** What lies directly in a folder. */
export function entriesOf(
  files: readonly { path: string }[],
  folder: string,
): { name: string; kind: 'file' | 'directory' }[] {
  const { folders, files: own } = folderTree(files, folder);
  return [
    ...folders.map(({ name }) => ({ name, kind: 'directory' as const })),
    ...own.map(({ name }) => ({ name, kind: 'file' as const })),
  ];
}
