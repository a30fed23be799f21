import { defineConfig } from 'vitest/config';

/**
 * `fast` and `simulation` need no servers. Their files share a process, because loading the program anew for each took
 * longer than the tests: no test may leave anything behind in a module or a global. `servers` gets real ones from its
 * global set-up, and runs one file at a time on them; `attacks` likewise, and takes so long that it has a command of its
 * own (npm run test:attacks).
 */
export default defineConfig({
  test: {
    teardownTimeout: 30_000,
    maxWorkers: '100%',
    projects: [
      {
        test: {
          name: 'fast',
          include: ['test/{unit,property}/**/*.test.ts'],
          isolate: false,
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'simulation',
          include: ['test/simulation/**/*.test.ts'],
          isolate: false,
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'servers',
          include: ['test/{contract,integration,fault,e2e}/**/*.test.ts'],
          globalSetup: ['test/set-up/stack.ts'],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'attacks',
          include: ['test/attack/**/*.test.ts'],
          globalSetup: ['test/set-up/stack.ts'],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
