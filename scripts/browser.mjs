// The browser that the page is tested in: CHROMIUM, else the first of PATH, else Debian's package, installed as
// scripts/setup.mjs installs what is missing. Prints its path.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installDebianPackage } from './debian-package.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];
const REMEDY = 'Install Chromium (Debian: apt-get install chromium), or set CHROMIUM to its path.';

/** Throws: Error with the remedy when there is none and none can be installed. */
export function browserPath() {
  const given = process.env.CHROMIUM ?? '';
  if (given !== '') return given;
  return found() ?? installed();
}

function installed() {
  if (['1', 'true'].includes(process.env.MILLRACE_NO_INSTALL ?? ''))
    throw new Error(`There is no Chromium, and MILLRACE_NO_INSTALL forbids to fetch it. ${REMEDY}`);
  try {
    installDebianPackage('chromium');
  } catch (cause) {
    throw new Error(`There is no Chromium: ${cause.message} ${REMEDY}`, { cause });
  }
  const path = found();
  if (path === null) throw new Error(`Chromium is not in PATH after its installation. ${REMEDY}`);
  return path;
}

function found() {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const paths = folders.flatMap((folder) => NAMES.map((name) => join(folder, name)));
  return paths.find(isExecutable) ?? null;
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(browserPath());
