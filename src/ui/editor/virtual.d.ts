declare module 'virtual:tabtrain-types' {
  /** Declaration files by path. */
  export const FILES: Readonly<Record<string, string>>;
  /** The one that `tabtrain` is. */
  export const ENTRY: string;
}

/** Completion; Monaco's own `features/suggest` holds only a part of it. */
declare module 'monaco-editor/editor/contrib/suggest/browser/suggestController';
