import { ConfigError } from '../../../errors/trainerError.ts';
import { isDict } from '../../../lang/plain.ts';
import { plainRepr } from '../../../lang/plainRepr.ts';
import { unmetKind, type ArgKind } from '../../../registry/argKinds.ts';
import type { BuildContext } from '../../../registry/buildContext.ts';
import { maskSecretsIn } from '../../../util/secrets.ts';
import { readServerAddress } from '../../../loggers/delivery/serverAddress.ts';
import type { WandbRunSettings } from '../../../loggers/wandbOutlet.ts';

export interface WandbInit {
  readonly isDisabled: boolean;
  /** True when the config names the run: one of another id is not gone on with. */
  readonly hasId: boolean;
  readonly settings: WandbRunSettings;
}

/** The arguments of `wandb.init` that have a meaning here. */
const KINDS: Readonly<Record<string, ArgKind>> = {
  project: 'str?',
  entity: 'str?',
  name: 'str?',
  id: 'str?',
  notes: 'str?',
  group: 'str?',
  job_type: 'str?',
  config: 'dict?',
  mode: 'str?',
  settings: 'dict?',
};
const KNOWN = [...Object.keys(KINDS), 'tags', 'resume'];

const DEFAULT_URL = 'https://api.wandb.ai';
const ID_LENGTH = 8;
const ID_LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';

/**
 * Read `init_kwargs`; what it lacks comes from W&B's environment variables.
 * @throws ConfigError for a value of the wrong kind; an argument that means nothing here is a warning
 */
export function readWandbInit(
  initKwargs: Readonly<Record<string, unknown>>,
  { services }: BuildContext,
): WandbInit {
  for (const [key, kind] of Object.entries(KINDS)) {
    const wanted = unmetKind(initKwargs[key], kind);
    if (wanted !== null) refuse(key, wanted, initKwargs[key]);
  }
  const { tags, resume, settings, config } = initKwargs;
  const isTags = Array.isArray(tags) && tags.every((tag) => typeof tag === 'string');
  if (tags !== undefined && tags !== null && !isTags) refuse('tags', 'a list of strings', tags);
  for (const key of Object.keys(initKwargs))
    if (!KNOWN.includes(key)) services.warn(`WandbLoggerHook: init_kwargs.${key} has no effect here`);
  const env = (name: string): string | undefined => services.readEnv?.(name) || undefined;
  const text = (key: string): string | null => {
    const value = initKwargs[key];
    return typeof value === 'string' && value !== '' ? value : null;
  };
  const mode = text('mode') ?? env('WANDB_MODE') ?? 'online';
  if (mode !== 'online' && mode !== 'disabled') {
    throw new ConfigError(`init_kwargs.mode must be 'online' or 'disabled', but got '${mode}'`, {
      code: 'unsupported',
      hint: "offline runs are read by W&B's own client only; without a network, use TensorboardLoggerHook",
    });
  }
  const givenUrl = isDict(settings) && typeof settings.base_url === 'string' ? settings.base_url : undefined;
  const { url: baseUrl } = readServerAddress(
    givenUrl ?? env('WANDB_BASE_URL') ?? DEFAULT_URL,
    'init_kwargs.settings.base_url',
    `leave it out for ${DEFAULT_URL}`,
  );
  const id = text('id');
  return {
    isDisabled: mode === 'disabled',
    hasId: id !== null,
    settings: {
      baseUrl,
      key: id ?? randomId(),
      project: text('project') ?? env('WANDB_PROJECT') ?? 'uncategorized',
      entity: text('entity') ?? env('WANDB_ENTITY') ?? null,
      displayName: text('name'),
      notes: text('notes'),
      group: text('group'),
      jobType: text('job_type'),
      tags: isTags ? tags : null,
      goesOn: resume !== undefined && resume !== null && resume !== false && resume !== 'never',
      firstLine: null,
      config: Object.fromEntries(
        Object.entries(isDict(config) ? config : {}).map(([key, value]) => [
          key,
          { value: maskSecretsIn(value, key), desc: null },
        ]),
      ),
    },
  };
}

function refuse(key: string, wanted: string, value: unknown): never {
  throw new ConfigError(`init_kwargs.${key} must be ${wanted}, but got ${plainRepr(value)}`, {
    code: 'bad-value',
  });
}

function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(ID_LENGTH));
  return Array.from(bytes, (byte) => ID_LETTERS[byte % ID_LETTERS.length]).join('');
}
