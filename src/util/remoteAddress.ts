/**
 * The scheme of an address that is no path: `https`, `torchvision`, `open-mmlab`; null for a path. One slash is enough, as a
 * shell or a path join loses the other; a drive letter (`C:/x`) is no scheme.
 * @example remoteScheme('open-mmlab://resnet50') // 'open-mmlab'
 * @example remoteScheme('https:/x.org/a.pth') // 'https'
 */
export function remoteScheme(address: string): string | null {
  return /^\s*([a-z][\w+.-]+):\/{1,2}[^/\s]/i.exec(address)?.[1]?.toLowerCase() ?? null;
}
