// snake_case in configs, camelCase in TypeScript.

/**
 * Turn `norm_cfg` into `normCfg`. Leading underscores and digits keep their place.
 * @example snakeToCamel('frozen_stages') // 'frozenStages'
 */
export function snakeToCamel(name: string): string {
  return name.replace(/(?<=[a-zA-Z0-9])_+([a-zA-Z0-9])/g, (_, c: string) => c.toUpperCase());
}

/**
 * Turn `normCfg` into `norm_cfg`, which {@link snakeToCamel} turns back.
 * @example camelToSnake('weightDecay') // 'weight_decay'
 */
export function camelToSnake(name: string): string {
  return name.replace(/(?<=[a-z0-9])[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
