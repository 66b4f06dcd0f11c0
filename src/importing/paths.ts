// Names inside a drop come from strangers: this file decides where a file may be written, and what is not data.

import type { SplitName } from './types.ts';

export type SafePath = { readonly path: string } | { readonly reason: string };

const MAX_SEGMENT_BYTES = 200;
const MAX_DEPTH = 32;

/**
 * Turn a path of a drop into one that stays inside the dataset's folder.
 * @returns the path with `/` between folders, or the reason why the file must be left out.
 * @example
 * safePath('.\\images\\1.jpg') // { path: 'images/1.jpg' }
 * safePath('../../evil.jpg') // { reason: 'it leaves the folder (..)' }
 */
export function safePath(raw: string): SafePath {
  const path = raw.replaceAll('\\', '/');
  if (path.includes('\0')) return { reason: 'its name contains a NUL character' };
  if (path.startsWith('/')) return { reason: 'it is an absolute path' };
  if (/^[A-Za-z]:/.test(path)) return { reason: 'it starts with a drive letter' };
  const segments = path.split('/').filter((s) => s !== '' && s !== '.');
  if (segments.some((s) => /^\.\.[. ]*$/.test(s))) return { reason: 'it leaves the folder (..)' };
  if (segments.length === 0) return { reason: 'its name is empty' };
  if (segments.length > MAX_DEPTH) return { reason: `it lies more than ${MAX_DEPTH} folders deep` };
  return { path: segments.map(safeSegment).join('/') };
}

function safeSegment(segment: string): string {
  // eslint-disable-next-line no-control-regex
  const clean = segment.replace(/[\u0000-\u001f\u007f\p{Surrogate}]/gu, '_');
  if (new TextEncoder().encode(clean).length <= MAX_SEGMENT_BYTES) return clean;
  // File systems stop at 255 bytes; the hash keeps two long names apart.
  const extension = /\.[^.]{1,8}$/.exec(clean)?.[0] ?? '';
  return `${[...clean].slice(0, 40).join('')}~${fnv1a(clean).toString(16)}${extension}`;
}

/** 32-bit FNV-1a over UTF-16 units: a stable pseudo-random order, not a safeguard. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** Files of operating systems and tools that are in many drops and never data. */
export function isJunk(path: string): boolean {
  return path
    .split(/[\\/]/)
    .some(
      (s) => s === '__MACOSX' || /^(?:thumbs\.db|desktop\.ini|icon\r)$/i.test(s) || /^\.(?!\.?$)./.test(s),
    );
}

export const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
export const dirName = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));

/** File name without its last extension: `a.b.jpg` gives `a.b`. */
export function stem(path: string): string {
  const base = baseName(path);
  const dot = base.lastIndexOf('.');
  return dot > 0 ? base.slice(0, dot) : base;
}

/** Lower case, without the dot; '' when there is none. */
export function extension(path: string): string {
  const base = baseName(path);
  const dot = base.lastIndexOf('.');
  return dot > 0 ? base.slice(dot + 1).toLowerCase() : '';
}

const PICTURES = new Set(
  'jpg jpeg jpe jfif png apng webp gif bmp dib tif tiff svg avif heic heif jxl jp2 psd ico'.split(' '),
);

/** By extension only; also formats that will be refused by name. */
export const isPicturePath = (path: string): boolean => PICTURES.has(extension(path));
export const isArchivePath = (path: string): boolean => extension(path) === 'zip';

// Folders that only say what kind of file is in them; two files belong together when the rest of their paths agree.
const ROLES = new Set(
  'images image imgs img jpegimages pictures photos annotations annotation anns ann labels label labels_yolo xml xmls txt json'.split(
    ' ',
  ),
);
// These mean something to us, so they are not stripped as a wrapping folder.
const MEANINGFUL = new Set([...ROLES, 'train', 'val', 'valid', 'validation', 'test', 'imagesets']);

/** Folders of a path without those that name a role: `train/labels/1.txt` and `train/images/1.jpg` both give `train`. */
export function placeOf(path: string): string {
  return dirName(path)
    .toLowerCase()
    .normalize('NFC')
    .split('/')
    .filter((s) => s !== '' && !ROLES.has(s))
    .join('/');
}

/** Number of leading folders that all paths share and that only wrap the dataset. */
export function wrapperDepth(paths: readonly string[]): number {
  const first = (paths[0] ?? '').split('/').slice(0, -1);
  let depth = first.length;
  for (const path of paths) {
    const folders = path.split('/').slice(0, -1);
    let same = 0;
    while (same < depth && same < folders.length && folders[same] === first[same]) same++;
    depth = same;
  }
  const stop = first.findIndex((s) => MEANINGFUL.has(s.toLowerCase()));
  return stop === -1 ? depth : Math.min(depth, stop);
}

/** The deepest folder that holds all paths, with a trailing `/`; '' for the root. */
export function commonFolder(paths: readonly string[]): string {
  if (paths.length === 0) return '';
  let common = dirName(paths[0] ?? '').split('/');
  for (const path of paths) {
    const folders = dirName(path).split('/');
    const differs = common.findIndex((s, i) => folders[i] !== s);
    if (differs !== -1) common = common.slice(0, differs);
  }
  const folder = common.join('/');
  return folder === '' ? '' : `${folder}/`;
}

const SPLIT_WORDS: Readonly<Record<string, SplitName>> = Object.assign(Object.create(null), {
  train: 'train',
  training: 'train',
  trainval: 'train',
  val: 'val',
  valid: 'val',
  validation: 'val',
  minival: 'val',
  dev: 'val',
  eval: 'val',
  test: 'test',
  testing: 'test',
});

/**
 * The split that a path names, looking at the file's name first, then at its folders from the inside out.
 * @example
 * splitOfPath('annotations/instances_train2017.json') // 'train'
 * splitOfPath('valid/_annotations.coco.json') // 'val'
 */
export function splitOfPath(path: string): SplitName | undefined {
  const segments = path.toLowerCase().split('/').reverse();
  for (const segment of segments) {
    const found = segment.split(/[^a-z]+/).find((word) => SPLIT_WORDS[word] !== undefined);
    if (found !== undefined) return SPLIT_WORDS[found];
  }
  return undefined;
}

/** Like {@link splitOfPath}, but from whole folder names only: `my test photos/1.jpg` says nothing. */
export function splitOfFolder(path: string): SplitName | undefined {
  for (const folder of dirName(path).toLowerCase().split('/').reverse()) {
    const split = SPLIT_WORDS[folder.replace(/[\d_-]+$/, '')];
    if (split !== undefined) return split;
  }
  return undefined;
}
