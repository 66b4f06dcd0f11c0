import type { RunServices } from '../registry/buildContext.ts';
import { basicAuth } from './delivery/serverAddress.ts';

/**
 * The credentials that MLflow's own clients take from the environment.
 * @returns the value of an Authorization header; null without
 */
export function readMlflowCredentials(readEnv: RunServices['readEnv']): string | null {
  const token = readEnv?.('MLFLOW_TRACKING_TOKEN');
  const user = readEnv?.('MLFLOW_TRACKING_USERNAME');
  if (user) return basicAuth(user, readEnv?.('MLFLOW_TRACKING_PASSWORD') ?? '');
  return token ? `Bearer ${token}` : null;
}
