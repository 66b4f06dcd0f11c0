// Names under which a file is written before it is renamed into place. `list` never shows them.

const PREFIX = '.tabtrain-tmp-';

/** @param owner says who writes, for the check whether a leftover may be removed; [0-9a-z]+. */
export function tempName(owner: string): string {
  const random = Math.floor(Math.random() * 2 ** 40).toString(36);
  return `${PREFIX}${owner}-${Date.now().toString(36)}${random}`;
}

export function isTempName(name: string): boolean {
  return name.startsWith(PREFIX);
}

/** @returns the owner a temporary name was made with; '' for other names. */
export function ownerOfTemp(name: string): string {
  return isTempName(name) ? name.slice(PREFIX.length).split('-', 1).join() : '';
}

const LOCK_PREFIX = '.tabtrain-lock-';

/** The file that says who works on `name`, beside it (nodeLocks.ts). `list` never shows it. */
export const lockName = (name: string): string => `${LOCK_PREFIX}${name}`;

export const isLockName = (name: string): boolean => name.startsWith(LOCK_PREFIX);
