// Tells processes apart whose ids are the same: after each other, or on other hosts. Node only.

import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/** Linux: boot and start time of a process (field 22 of proc(5)'s stat), the same for its whole life and never again. */
export function beginningOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const ticks =
      stat
        .slice(stat.lastIndexOf(')') + 2)
        .split(' ')
        .at(19) ?? '';
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}-${ticks}`;
  } catch {
    return '';
  }
}

const PART = 7;

/** A process as the owner of a temporary file: host, beginning and id, [0-9a-z]+. */
export function ownerOf(pid: number): string {
  return `${shortHash(hostname())}${shortHash(beginningOf(pid))}${pid.toString(36)}`;
}

/** True for an owner on this host that is gone, also where another process has its id now. */
export function isOwnerGone(owner: string): boolean {
  const pid = parseInt(owner.slice(2 * PART), 36);
  if (!Number.isInteger(pid) || !owner.startsWith(shortHash(hostname()))) return false;
  return !isRunning(pid) || ownerOf(pid) !== owner;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is somebody else's.
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}

/** FNV-1a, 32 bits, as seven characters. */
function shortHash(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return hash.toString(36).padStart(PART, '0');
}
