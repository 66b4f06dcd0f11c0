// Finds files by what annotations say about them: exact path, another folder, another case, another Unicode form.

import type { Findings } from './findings.ts';
import { baseName, dirName, isJunk, isPicturePath, placeOf, safePath, stem, wrapperDepth } from './paths.ts';
import type { IndexedFile, SourceFile } from './types.ts';

/** How a reference was matched: as written, below another folder, ignoring case, or with another extension. */
export type MatchKind = 'exact' | 'moved' | 'case' | 'extension';

export type Match =
  { readonly file: IndexedFile; readonly kind: MatchKind } | { readonly candidates: readonly IndexedFile[] };

/** The files of a drop under safe paths. Lookups are by NFC-normalised names. */
export class FileIndex {
  readonly files: readonly IndexedFile[];
  readonly #byBase: ReadonlyMap<string, IndexedFile[]>;
  readonly #byStem: ReadonlyMap<string, IndexedFile[]>;

  constructor(files: readonly IndexedFile[]) {
    this.files = files;
    this.#byBase = groupBy(files, (f) => fold(baseName(f.path)));
    const pictures = files.filter((f) => isPicturePath(f.path));
    this.#byStem = groupBy(pictures, (f) => fold(stem(f.path)));
  }

  /**
   * Find the file that an annotation file names.
   * @param reference as written there, relative to who knows what
   * @param from path of the annotation file; near files are preferred
   * @returns the match; several candidates when nothing tells them apart, none when nothing fits
   */
  find(reference: string, from: string): Match {
    for (const written of spellings(reference)) {
      const named = this.#byBase.get(fold(baseName(written))) ?? [];
      const found =
        pick(named, written.normalize('NFC'), nfc, from) ?? pick(named, fold(written), fold, from, 'case');
      if (found) return found;
    }
    const written = baseName(clean(reference));
    // VOC files often name the picture without its extension, and then a dot is part of the name.
    const pictures = this.picturesByStem(written);
    const sameStem = nearest(pictures.length > 0 ? pictures : this.picturesByStem(stem(written)), from);
    const [only] = sameStem;
    if (only && sameStem.length === 1) return { file: only, kind: 'extension' };
    return { candidates: sameStem };
  }

  /** Pictures of that name without extension, case and Unicode form ignored. */
  picturesByStem(name: string): readonly IndexedFile[] {
    return this.#byStem.get(fold(name)) ?? [];
  }
}

/** Those of `files` that lie closest to `from`, by the folders that don't just say `images` or `labels`. */
export function nearest(files: readonly IndexedFile[], from: string): readonly IndexedFile[] {
  if (files.length < 2) return files;
  const place = placeOf(from);
  const level = (file: IndexedFile): number => {
    const other = placeOf(file.path);
    if (other === place) return dirName(file.path) === dirName(from) ? 1e6 + 1 : 1e6;
    return sharedStart(other, place);
  };
  const best = Math.max(...files.map(level));
  return files.filter((f) => level(f) === best);
}

function foldersOf(path: string): string[] {
  const parts = path.split('/');
  return parts.slice(1).map((_, i) => parts.slice(0, i + 1).join('/'));
}

/** Group in order of appearance. */
export function groupBy<T, K>(items: Iterable<T>, keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

function byPath(a: { readonly path: string }, b: { readonly path: string }): number {
  if (a.path === b.path) return 0;
  return a.path < b.path ? -1 : 1;
}

const nfc = (text: string): string => text.normalize('NFC');
const fold = (text: string): string => text.normalize('NFC').toLowerCase();
const clean = (reference: string): string =>
  reference.replaceAll('\\', '/').replace(/^(?:[A-Za-z]:)?(?:\.{0,2}\/)+/, '');

function spellings(reference: string): string[] {
  const plain = clean(reference.trim());
  try {
    const decoded = decodeURIComponent(plain);
    return decoded === plain ? [plain] : [plain, decoded];
  } catch {
    return [plain];
  }
}

/** Match the longest end of `written` that any file ends with. */
function pick(
  named: readonly IndexedFile[],
  written: string,
  normalise: (text: string) => string,
  from: string,
  kind?: MatchKind,
): Match | undefined {
  const segments = written.split('/');
  for (let skip = 0; skip < segments.length; skip++) {
    const end = segments.slice(skip).join('/');
    const fits = named.filter((f) => {
      const path = normalise(f.path);
      return path === end || path.endsWith(`/${end}`);
    });
    const near = nearest(fits, from);
    const [only] = near;
    if (only && near.length === 1) return { file: only, kind: kind ?? (skip === 0 ? 'exact' : 'moved') };
    if (near.length > 1) return { candidates: near };
  }
  return undefined;
}

function sharedStart(a: string, b: string): number {
  const other = b.split('/');
  const differs = a.split('/').findIndex((s, i) => s !== other[i]);
  return differs === -1 ? a.split('/').length : differs;
}

/**
 * Give every file of a drop its safe path: junk is left out, odd names are skipped by name, folders that only wrap
 * the dataset are dropped, and no two files get the same path.
 */
export function indexFiles(sources: readonly SourceFile[], findings: Findings): FileIndex {
  const kept: { source: SourceFile; path: string }[] = [];
  for (const source of sources) {
    if (isJunk(source.path)) {
      findings.note('system-file', source.path, 'ignored: a file of the operating system or of a tool');
      continue;
    }
    const safe = safePath(source.path);
    if ('reason' in safe) {
      findings.warn('unsafe-path', source.path, `${source.path} was skipped: ${safe.reason}`);
      continue;
    }
    if (source.nameWarning !== undefined)
      findings.warn('name-encoding', safe.path, `${safe.path}: ${source.nameWarning}`);
    kept.push({ source, path: safe.path });
  }
  const depth = wrapperDepth(kept.map((f) => f.path));
  const folders = new Set(kept.flatMap((f) => foldersOf(f.path)));
  const taken = new Set<string>();
  const files: IndexedFile[] = [];
  for (const { source, path: full } of kept.sort(byPath)) {
    const path = full.split('/').slice(depth).join('/');
    if (folders.has(full)) {
      findings.skip(
        'same-path',
        path,
        `${path} is a file and a folder in this drop; the file is not imported`,
      );
      continue;
    }
    if (taken.has(path)) {
      findings.skip('same-path', path, `${path} is in the drop more than once; only the first is imported`);
      continue;
    }
    taken.add(path);
    files.push({ source, path });
  }
  return new FileIndex(files);
}
