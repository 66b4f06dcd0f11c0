// Short messages to the person: errors stay until dismissed, the rest leaves by itself.

import { toErrorReport } from '../../errors/trainerError.ts';

export type NoticeLevel = 'info' | 'warning' | 'error';

export interface Notice {
  readonly id: number;
  readonly level: NoticeLevel;
  readonly message: string;
  readonly hint?: string;
}

const INFO_LASTS_MS = 6000;

export class Notices {
  list = $state.raw<readonly Notice[]>([]);
  #nextId = 1;

  add(level: NoticeLevel, message: string, hint?: string): void {
    // Said already and still on the screen: once is enough.
    if (this.list.some((notice) => notice.message === message)) return;
    const notice = { id: this.#nextId++, level, message, hint };
    this.list = [...this.list.slice(-3), notice];
    if (level === 'info') setTimeout(() => this.dismiss(notice.id), INFO_LASTS_MS);
  }

  /** Show what was thrown; a cancellation is no news. */
  addError(error: unknown): void {
    const report = toErrorReport(error);
    if (report.code === 'cancelled') return;
    const place = report.path ?? report.span?.file;
    // Many messages name the place themselves.
    const isTold = place === undefined || report.message.includes(place);
    this.add('error', isTold ? report.message : `${report.message} (${place})`, report.hint);
  }

  dismiss(id: number): void {
    this.list = this.list.filter((notice) => notice.id !== id);
  }
}
