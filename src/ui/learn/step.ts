// What a step of Learn is. Its texts are data: plain sentences, with `code` between backticks.

import type { TabName } from '../state/settings.svelte.ts';

export const CHAPTERS = ['Optimizer', 'Schedules', 'Workflow', 'Hooks', 'Default runtime'] as const;
export type Chapter = (typeof CHAPTERS)[number];

/** A file that a step puts into the workspace. */
export interface LearnFile {
  /** In the workspace: `mmdet/core/utils/my_hook.ts`. */
  readonly path: string;
  readonly text: string;
}

/** Something to look at when the step has run. */
export interface LookFor {
  readonly text: string;
  /** A regular expression for the line of the log that shows it. */
  readonly log?: string;
}

export interface LearnStep {
  /** Also the name of its config. */
  readonly id: string;
  readonly chapter: Chapter;
  readonly title: string;
  readonly text: readonly string[];
  /** The config's own lines; the rest it inherits from `short_run.py`. */
  readonly config: string;
  readonly modules?: readonly LearnFile[];
  /** Where to look first. */
  readonly tab: TabName;
  readonly look: readonly LookFor[];
}

export const LEARN_FOLDER = 'configs/learn';

/** Path of a step's config in the workspace. */
export function configPathOf({ id }: LearnStep): string {
  return `${LEARN_FOLDER}/${id}.py`;
}

/** The whole config of a step. */
export function configTextOf({ title, config }: LearnStep): string {
  return `# A step of Learn: ${title}.\n_base_ = ['./short_run.py']\n\n${config.trim()}\n`;
}

/** Everything that a step needs in the workspace, its config last. */
export function filesOf(step: LearnStep): readonly LearnFile[] {
  return [...(step.modules ?? []), { path: configPathOf(step), text: configTextOf(step) }];
}
