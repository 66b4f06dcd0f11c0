import { problemText, type Problem } from '../contracts/problem.ts';
import type { FileSystem } from '../contracts/fileSystem.ts';
import type { DecodeImage } from '../contracts/image.ts';
import { buildFromCfg } from './buildFromCfg.ts';
import type { Registries, RegistryKind } from './registries.ts';
import type { ModelPart } from './registryKinds.ts';

/** Something only a person knows, such as a key. */
export interface SecretRequest {
  /** Of the environment variable that the command line reads it from: `WANDB_API_KEY`. */
  readonly name: string;
  /** What the page asks for: `API key of Weights & Biases`. */
  readonly title: string;
  /** Of the server that it is sent to: `https://api.wandb.ai`. */
  readonly origin: string;
  /** Where one gets it. */
  readonly url: string;
  /** Why the last answer did not do. */
  readonly refused?: string | null;
}

/** Where a run writes what it says. */
export interface LogSink {
  info(message: string): void;
  warning(message: string): void;
  error(message: string): void;
}

/** What a run lends to the objects it builds. */
export interface RunServices {
  readonly fs: FileSystem;
  readonly decodeImage: DecodeImage;
  /** The run's seed; components derive their own generators from it. */
  readonly seed: number;
  /** Tell the person something, once per distinct message. */
  readonly warn: (message: string) => void;
  /** Tell what can be known before training, with its place; without it {@link BuildContext.report} warns. */
  readonly report?: (problem: Problem) => void;
  /** The run's log; absent where nothing is trained. */
  readonly log?: LogSink;
  /** An environment variable; undefined when it isn't set, and in a page always. */
  readonly readEnv?: (name: string) => string | undefined;
  /** Ask a person, once per session; the answer is written nowhere. Null when there is none. */
  readonly askSecret?: (request: SecretRequest) => Promise<string | null>;
}

/** Handed to every registered class as its second argument; builds nested configs from the run's registries. */
export class BuildContext {
  readonly registries: Registries;
  readonly services: RunServices;
  /** Path in the config of the object being built, such as `model.backbone`. */
  readonly path: string;

  constructor(registries: Registries, services: RunServices, path = '') {
    this.registries = registries;
    this.services = services;
    this.path = path;
  }

  /** The same context for another place in the config. */
  at(path: string): BuildContext {
    return new BuildContext(this.registries, this.services, path);
  }

  /**
   * Report something that can be known before training.
   * @param problem its `path` is a key below this context's, such as `classes`; absent: the dict itself
   */
  report(problem: Problem): void {
    const { report, warn } = this.services;
    const path = problem.path === undefined ? this.path : this.#below(problem.path);
    const placed = { ...problem, path };
    if (report) report(placed);
    else warn(problemText(placed));
  }

  #below(key: string): string {
    return `${this.path}${this.path === '' || key.startsWith('[') ? '' : '.'}${key}`;
  }

  /**
   * Build a nested config.
   * @typeParam T what the registry builds there; the registry can't know, so the caller says
   * @param kind which registry
   * @param key the dict's place below this context's path, such as `loss_cls` or `transforms[2]`
   * @param part which classes of MODELS fit there
   * @example this.backbone = context.build<Backbone>('MODELS', backbone, 'backbone')
   */
  build<T>(
    kind: RegistryKind,
    cfg: unknown,
    key: string,
    defaultArgs?: Record<string, unknown>,
    part?: ModelPart,
  ): T {
    return buildFromCfg<unknown>(cfg, this.registries[kind], {
      path: this.#below(key),
      context: this,
      defaultArgs,
      part,
    }) as T;
  }
}
