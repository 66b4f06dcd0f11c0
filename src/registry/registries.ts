// Every registry of MMCV and MMDetection that a config can reach. The layers above fill them at import.

import { Registry, type ModuleWatch } from './registry.ts';
import { REGISTRY_NAMES, type RegistryKind } from './registryKinds.ts';

export type { RegistryKind } from './registryKinds.ts';

export type Registries = Readonly<Record<RegistryKind, Registry<unknown>>>;

const kinds = Object.keys(REGISTRY_NAMES) as RegistryKind[];

function mapKinds(make: (kind: RegistryKind) => Registry<unknown>): Registries {
  // Object.fromEntries forgets the key type; every kind is present by construction.
  return Object.fromEntries(kinds.map((kind) => [kind, make(kind)])) as unknown as Registries;
}

/** The registries that tabtrain's own classes join at import. */
export const ROOT_REGISTRIES: Registries = mapKinds((kind) => new Registry(REGISTRY_NAMES[kind]));

/**
 * Child registries for one run: what its own modules register is gone with it.
 * @param watchOf what the run knows of its modules, for each registry
 */
export function createRunRegistries(watchOf?: (kind: RegistryKind) => ModuleWatch): Registries {
  return mapKinds((kind) => ROOT_REGISTRIES[kind].child(watchOf?.(kind)));
}

export const {
  MODELS,
  DATASETS,
  PIPELINES,
  SAMPLERS,
  OPTIMIZERS,
  OPTIMIZER_BUILDERS,
  HOOKS,
  RUNNERS,
  PRIOR_GENERATORS,
  BBOX_ASSIGNERS,
  BBOX_SAMPLERS,
  BBOX_CODERS,
  IOU_CALCULATORS,
} = ROOT_REGISTRIES;
