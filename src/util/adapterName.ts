// What an adapter is called, for people and for files.

/** What WebGPU tells of an adapter; each may be empty. */
export type AdapterFacts = Pick<GPUAdapterInfo, 'vendor' | 'architecture' | 'device' | 'description'>;

const SOFTWARE = /llvmpipe|lavapipe|swiftshader|software|basic render/i;

/** True when the "GPU" is a program on the CPU. */
export function isSoftwareAdapter(facts: AdapterFacts): boolean {
  return SOFTWARE.test(allOf(facts).join(' '));
}

// WebGPU gives vendor, architecture and device in lower case with hyphens.
const SPELLED: Readonly<Record<string, string>> = {
  amd: 'AMD',
  apple: 'Apple',
  arm: 'Arm',
  geforce: 'GeForce',
  intel: 'Intel',
  nvidia: 'NVIDIA',
  pcie: 'PCIe',
  qualcomm: 'Qualcomm',
  swiftshader: 'SwiftShader',
  uhd: 'UHD',
};

/**
 * The best name that is told. Dawn in Node describes the driver where Chrome describes the card, and Chrome numbers the
 * device where Node names it; a software adapter's description is its program with the version.
 *
 * @example adapterName({ vendor: 'nvidia', architecture: 'hopper', device: 'nvidia-h100-80gb-hbm3', description: 'NVIDIA: 550.54' })
 * // 'NVIDIA H100 80GB HBM3'
 */
export function adapterName(facts: AdapterFacts): string {
  const { vendor, architecture, device, description } = facts;
  const isNumber = /^(0x)?[\da-f]*$/i.test(device.trim());
  const named = isNumber ? '' : spelled(device);
  const described = description.trim();
  const first = isSoftwareAdapter(facts) ? [described, named] : [named, described];
  return [...first, spelled(`${vendor}-${architecture}`)].find((text) => text !== '') ?? 'unknown adapter';
}

/** Tells adapters from one another, drivers too: what was measured on one says nothing about another. */
export function adapterKey(facts: AdapterFacts): string {
  return allOf(facts).join(' | ');
}

const allOf = ({ vendor, architecture, device, description }: AdapterFacts): string[] => [
  vendor,
  architecture,
  device,
  description,
];

function spelled(slug: string): string {
  const words = slug.split(/[-\s]+/).filter((word) => word !== '');
  return words.map((word) => SPELLED[word.toLowerCase()] ?? capitals(word)).join(' ');
}

// H100, RTX, 80GB: words with digits and short ones that nobody could speak are written large.
function capitals(word: string): string {
  if (/\d/.test(word) || /^[^aeiou]{1,4}$/.test(word)) return word.toUpperCase();
  return word.charAt(0).toUpperCase() + word.slice(1);
}
