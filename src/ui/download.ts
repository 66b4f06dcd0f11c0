const REVOKE_AFTER_MS = 60_000;

/** Hand a file to the browser's downloads. The bytes are read by the browser from where they lie, not copied here. */
export function downloadFile(file: Blob, name: string): void {
  const url = URL.createObjectURL(file);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), REVOKE_AFTER_MS);
}
