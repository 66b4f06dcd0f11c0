import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type TestUserConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files of 20 s and more, which begin first: the last one would keep one worker busy while the other has nothing left. */
const SLOW = [
  /conformance\.test/,
  /ui\/learn\/steps\.test/,
  /run\/(tutorial|untouchedRuns|userModulesRun|hangingModules)\.test/,
  /cli\/(commandLine|ownModules)\.test/,
];

class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isSlow = ({ moduleId }: TestSpecification): boolean => SLOW.some((name) => name.test(moduleId));
    return [...sorted.filter(isSlow), ...sorted.filter((file) => !isSlow(file))];
  }
}

/**
 * Folders whose tests leave nothing behind in their modules: they share one process, where each module is loaded and the
 * GPU opened once. The others get a process a file.
 */
const SHARING = [
  'config',
  'errors',
  'evaluation',
  'formats',
  'lang',
  'nn',
  'optim',
  'registry',
  'schedules',
  'serialization',
  'storage',
  'util',
].map((folder) => `src/${folder}/**/*.test.ts`);

const common: TestUserConfig = { pool: 'forks', maxWorkers: 2, testTimeout: 60_000, hookTimeout: 60_000 };

export default defineConfig({
  plugins: [svelte({ configFile: false })],
  test: {
    ...common,
    sequence: { sequencer: SlowFirst },
    projects: [
      { extends: true, test: { name: 'sharing', include: SHARING, isolate: false } },
      {
        extends: true,
        test: { name: 'alone', include: ['{src,conformance}/**/*.test.ts'], exclude: SHARING },
      },
    ],
  },
});
