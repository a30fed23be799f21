// Installs a Debian package, as root, without starting the service that it may bring.
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';

/** Asked by Debian's packages before they start a service; 101 forbids it. */
const POLICY = '/usr/sbin/policy-rc.d';
/** Seconds that another installation may take: two set-ups may run at once. */
const LOCK_WAIT = 'DPkg::Lock::Timeout=120';

/** Throws: Error when this user may not install, or apt-get failed. */
export function installDebianPackage(name) {
  if (process.getuid?.() !== 0) throw new Error('only root can install it.');
  const ownPolicy = !existsSync(POLICY);
  if (ownPolicy) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    const install = ['install', '-y', '-q', '--no-install-recommends', name];
    if (aptGet(install).status === 0) return;
    aptGet(['update', '-q']);
    const { status, stderr, error } = aptGet(install);
    if (status !== 0)
      throw new Error(`apt-get install ${name}: ${error?.message ?? stderr.trim()}`);
  } finally {
    if (ownPolicy) rmSync(POLICY, { force: true });
  }
}

function aptGet(args) {
  return spawnSync('apt-get', ['-o', LOCK_WAIT, ...args], {
    encoding: 'utf8',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
}
