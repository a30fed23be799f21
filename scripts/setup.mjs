// Brings together what `npm start` and `npm test` need: npm packages, Java, the jars of Kafka and of the schema registry,
// Redis. Plain Node 20 without packages, because it runs before there are any. Prints a line and a time for each part that
// it did, and nothing when everything is there. MILLRACE_NO_INSTALL=1 forbids every installation and download;
// --packages-only sees to the packages and to what the models need (spin), and leaves the servers out; --tests sees to what
// only tests need (promtool) as well.
import { performance } from 'node:perf_hooks';
import { SetupError, steps } from './setup-steps.mjs';

const OLDEST_NODE = 20;

async function main() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < OLDEST_NODE) {
    throw new SetupError(
      `Node ${process.versions.node} is too old: install Node ${OLDEST_NODE} or later.`,
    );
  }
  const installAllowed = !['1', 'true'].includes(process.env.MILLRACE_NO_INSTALL ?? '');
  const packagesOnly = process.argv.includes('--packages-only');
  const all = steps(process.env);
  const forTests = process.argv.includes('--tests');
  const wanted = all.filter((step, index) =>
    packagesOnly
      ? index === 0 || step.isForModels
      : !step.isForModels && (forTests || !step.isForTests),
  );
  for (const step of wanted) await carryOut(step, installAllowed);
}

async function carryOut({ name, isNeeded, install, remedy, isOptional }, installAllowed) {
  if (!isNeeded()) return;
  const startedAt = performance.now();
  const seconds = () => `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
  if (!installAllowed) {
    if (isOptional) return;
    throw new SetupError(
      `${name}: not there, and MILLRACE_NO_INSTALL forbids to fetch it. ${remedy}`,
    );
  }
  console.log(`set-up        ${name} …`);
  try {
    await install();
    if (isNeeded()) throw new SetupError('it is still not there afterwards.');
  } catch (error) {
    const reason = error instanceof SetupError ? error.message : String(error);
    if (!isOptional) throw new SetupError(`${name}: ${reason}\n${remedy}`);
    console.log(`set-up        ${name}: left out, because ${reason}`);
    return;
  }
  console.log(`set-up        ${name}: done in ${seconds()}`);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`set-up        ${error.message}`);
  process.exit(1);
}
