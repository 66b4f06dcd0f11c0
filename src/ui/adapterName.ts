// What an adapter is called in the chip.
import { adapterName, isSoftwareAdapter, type AdapterFacts } from '../util/adapterName.ts';

/** Adapters that are programs: how they name themselves, and the name that people know. */
const SOFTWARE: readonly (readonly [RegExp, string])[] = [
  [/swiftshader/i, 'SwiftShader'],
  [/llvmpipe|lavapipe/i, 'Mesa llvmpipe'],
  [/basic render|\bwarp\b/i, 'Microsoft WARP'],
];

/**
 * The name that the log has too, or a software adapter's own, without its version.
 *
 * @example describeAdapter({ vendor: 'nvidia', architecture: 'ampere', ... }) // { name: 'NVIDIA Ampere', isSoftware: false }
 */
export function describeAdapter(facts: AdapterFacts & { readonly isFallbackAdapter: boolean }): {
  name: string;
  isSoftware: boolean;
} {
  const { vendor, architecture, device, description, isFallbackAdapter } = facts;
  const all = [vendor, architecture, device, description].join(' ');
  const software = SOFTWARE.find(([pattern]) => pattern.test(all));
  if (software) return { name: software[1], isSoftware: true };
  return { name: adapterName(facts), isSoftware: isFallbackAdapter || isSoftwareAdapter(facts) };
}
