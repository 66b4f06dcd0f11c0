import type { RunServices } from '../registry/buildContext.ts';
import { DeliveryError } from './delivery/http.ts';

/**
 * The API key for a W&B server: from WANDB_API_KEY, or from a person.
 * @param baseUrl of the server
 * @param refused why the last one did not do; null at first
 * @throws DeliveryError final when there is none, or the environment's is refused
 */
export async function askWandbKey(
  { readEnv, askSecret }: Pick<RunServices, 'readEnv' | 'askSecret'>,
  baseUrl: string,
  refused: string | null,
): Promise<string> {
  const url = `${baseUrl.replace('//api.', '//')}/authorize`;
  const fromEnv = readEnv?.('WANDB_API_KEY')?.trim();
  if (fromEnv && refused === null) return fromEnv;
  const request = {
    name: 'WANDB_API_KEY',
    title: 'API key of Weights & Biases',
    origin: new URL(baseUrl).origin,
    url,
    refused,
  };
  const typed = fromEnv ? null : await askSecret?.(request);
  if (typed) return typed.trim();
  throw new DeliveryError(refused ?? 'there is no API key', {
    isFinal: true,
    hint: `set WANDB_API_KEY to a key from ${url}`,
  });
}
