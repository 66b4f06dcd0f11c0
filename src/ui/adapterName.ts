// What an adapter is called in the chip.

export type AdapterFacts = Pick<
  GPUAdapterInfo,
  'vendor' | 'architecture' | 'device' | 'description' | 'isFallbackAdapter'
>;

/** Adapters that are programs: how they name themselves, and the name that people know. */
const SOFTWARE: readonly (readonly [RegExp, string])[] = [
  [/swiftshader/i, 'SwiftShader'],
  [/llvmpipe|lavapipe/i, 'Mesa llvmpipe'],
  [/basic render|\bwarp\b/i, 'Microsoft WARP'],
];

/** Browsers give vendors in lower case. */
const VENDORS: Readonly<Record<string, string>> = {
  amd: 'AMD',
  apple: 'Apple',
  arm: 'Arm',
  intel: 'Intel',
  nvidia: 'NVIDIA',
  qualcomm: 'Qualcomm',
};

/**
 * @example describeAdapter({ vendor: 'nvidia', architecture: 'ampere', ... }) // { name: 'NVIDIA ampere', isSoftware: false }
 */
export function describeAdapter({
  vendor,
  architecture,
  device,
  description,
  isFallbackAdapter,
}: AdapterFacts): { name: string; isSoftware: boolean } {
  const all = [vendor, architecture, device, description].join(' ');
  const software = SOFTWARE.find(([pattern]) => pattern.test(all));
  if (software) return { name: software[1], isSoftware: true };
  const parts = [VENDORS[vendor] ?? vendor, architecture].filter((part) => part !== '').join(' ');
  const name = description || device || parts || 'unnamed GPU';
  return { name, isSoftware: isFallbackAdapter || /software/i.test(all) };
}
