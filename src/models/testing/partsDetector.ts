// A detector of a backbone and a neck alone, whose loss is how large their maps are.

import { mean, square, type Tensor } from '../../gpu/index.ts';
import type { Backbone } from '../backbones/backbone.ts';
import { BaseDetector } from '../detectors/baseDetector.ts';
import type { Neck } from '../necks/neck.ts';
import { buildPart } from './buildPart.ts';

type Cfg = Readonly<Record<string, unknown>>;

export class PartsDetector extends BaseDetector {
  readonly #backbone: Backbone;
  readonly #neck: Neck;

  static async build(backbone: Cfg, neck: Cfg): Promise<PartsDetector> {
    return new PartsDetector(await buildPart<Backbone>(backbone), await buildPart<Neck>(neck));
  }

  private constructor(backbone: Backbone, neck: Neck) {
    super();
    this.#backbone = this.addModule('backbone', backbone);
    this.#neck = this.addModule('neck', neck);
  }

  protected override forwardTrain(img: Tensor): Map<string, Tensor> {
    const maps = this.#neck.forward(this.#backbone.forward(img));
    return new Map(maps.map((map, i) => [`loss_${i}`, mean(square(map))]));
  }

  protected override forwardTest(): readonly Tensor[] {
    return [];
  }

  override simpleTest(): Promise<never> {
    return Promise.reject(new Error('there is no head'));
  }
}
