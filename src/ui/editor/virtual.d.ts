declare module 'virtual:tabtrain-types' {
  /** Declaration files by path. */
  export const FILES: Readonly<Record<string, string>>;
  /** The one that `tabtrain` is. */
  export const ENTRY: string;
}
