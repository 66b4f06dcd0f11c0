// A folder, a zip or loose files on disk as the source of an import.

import { opendir, open, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileOf, zipSource, type ImportSource, type SourceFile } from '../importing/importFolder.ts';
import { DatasetError } from '../errors/index.ts';
import type { ByteSource } from '../serialization/zip/index.ts';

const ZIP_MAGIC = [0x50, 0x4b];
const PICTURE = /\.(?:jpe?g|jpe|jfif|png|webp|gif|bmp|tiff?|svg|avif|heic)$/i;
const ANNOTATION = /\.(?:json|xml|txt)$/i;

/**
 * Open a path for an import. A zip is read as one, whatever its name; a lone annotation file brings the pictures of
 * its folder along; a data.yaml its whole folder.
 * @throws DatasetError `path-not-found`
 */
export async function pathSource(path: string): Promise<ImportSource> {
  const full = resolve(path);
  const info = await stat(full).catch(() => null);
  if (!info)
    throw new DatasetError(`${path} must be a zip, a folder or an annotation file, it does not exist`, {
      code: 'path-not-found',
      path,
      hint: 'check the spelling, and the folder you are in',
    });
  const name = basename(full);
  if (info.isDirectory()) return { name, files: () => walk(full, '') };
  const folder = dirname(full);
  if (/\.ya?ml$/i.test(name)) return { name, files: () => walk(folder, '') };
  if (ANNOTATION.test(name) && !(await isZip(full))) return { name, files: () => withPictures(folder, name) };
  if (PICTURE.test(name)) return { name, files: () => one(full, name) };
  return zipSource(diskBytes(full, info.size), name);
}

/** A folder with all in it. */
export function folderSource(path: string): ImportSource {
  const full = resolve(path);
  return { name: basename(full), files: () => walk(full, '') };
}

async function* one(full: string, name: string): AsyncGenerator<SourceFile> {
  yield fileOf(name, diskBytes(full, (await stat(full)).size));
}

async function* withPictures(folder: string, annotation: string): AsyncGenerator<SourceFile> {
  for await (const file of walk(folder, ''))
    if (file.path === annotation || PICTURE.test(file.path) || file.path === 'classes.txt') yield file;
}

/** Files below a folder, by name. Links are followed, but never into a folder that one is already in. */
async function* walk(
  root: string,
  inside: string,
  above: readonly string[] = [],
): AsyncGenerator<SourceFile> {
  const folder = join(root, inside);
  const real = await realpath(folder);
  if (above.includes(real)) return;
  const names: string[] = [];
  for await (const entry of await opendir(folder)) names.push(entry.name);
  for (const name of names.sort()) {
    const path = inside === '' ? name : `${inside}/${name}`;
    const info = await stat(join(root, path)).catch(() => null);
    // A dangling link, or a name that is no valid text: reading it says so, if anything needs it.
    if (!info) yield fileOf(path, diskBytes(join(root, path), 1));
    if (info?.isDirectory()) yield* walk(root, path, [...above, real]);
    else if (info?.isFile()) yield fileOf(path, diskBytes(join(root, path), info.size));
  }
}

function diskBytes(path: string, size: number): ByteSource {
  return {
    size,
    async read(start, end) {
      const length = Math.max(0, Math.min(end, size) - start);
      const handle = await open(path);
      try {
        const bytes = new Uint8Array(length);
        const { bytesRead } = await handle.read(bytes, 0, length, start);
        return bytes.subarray(0, bytesRead);
      } finally {
        await handle.close();
      }
    },
  };
}

async function isZip(path: string): Promise<boolean> {
  const head = await diskBytes(path, ZIP_MAGIC.length).read(0, ZIP_MAGIC.length);
  return ZIP_MAGIC.every((byte, i) => head[i] === byte);
}
