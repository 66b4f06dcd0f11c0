// PyTorch's classes of which there are no layers here, or several: for `instanceof`, as optimizer constructors ask. A layer of
// one's own may extend them.

import { Module } from './module.ts';

/** Its `instanceof` goes by PyTorch's names: a module's own class or one of its base classes. */
abstract class ByName extends Module {
  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof Module && (value.className === this.name || value.baseNames.includes(this.name));
  }
}

/** Base of PyTorch's batch norms: `module instanceof _BatchNorm` for `BatchNorm2d` and `SyncBatchNorm`. */
export abstract class _BatchNorm extends ByName {
  override readonly baseNames = ['_BatchNorm'];
}

/** Base of PyTorch's instance norms. */
export abstract class _InstanceNorm extends ByName {
  override readonly baseNames = ['_InstanceNorm'];
}

export abstract class LayerNorm extends ByName {
  override readonly baseNames = ['LayerNorm'];
}

/** MMCV's deformable convolution. */
export abstract class DeformConv2d extends ByName {
  override readonly baseNames = ['DeformConv2d'];
}

/** MMCV's modulated deformable convolution. */
export abstract class ModulatedDeformConv2d extends ByName {
  override readonly baseNames = ['ModulatedDeformConv2d'];
}
