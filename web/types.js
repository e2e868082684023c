// Checks the types of the SDK and the call page, and makes the declarations
// (.d.ts) that stand beside the SDK's modules, which applications download.
//
//   node types.js check   type check; fails, too, when a declaration is stale
//   node types.js write   write the declarations anew
//
// TypeScript prefers room.d.ts to room.js when both are there and would check
// every module against yesterday's declarations of the others. So it works on a
// copy of the tree without them.

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const web = dirname(fileURLToPath(import.meta.url));
const tsc = join(web, 'node_modules', 'typescript', 'bin', 'tsc');
// Made by `go generate`, not here.
const GENERATED = 'messages.d.ts';

const mode = process.argv[2];
if (mode !== 'check' && mode !== 'write') {
  console.error('usage: node types.js check | write');
  process.exit(2);
}
if (!existsSync(tsc)) {
  console.error('TypeScript is not installed. Run `npm ci` in web/ first.');
  process.exit(1);
}

const copy = mkdtempSync(join(tmpdir(), 'hiroba-types-'));
try {
  process.exitCode = run() ? 0 : 1;
} finally {
  rmSync(copy, { recursive: true, force: true });
}

function run() {
  for (const part of ['tsconfig.json', 'sdk', 'app'].filter((part) => existsSync(join(web, part)))) {
    cpSync(join(web, part), join(copy, part), { recursive: true, filter: (path) => !isDeclaration(path) });
  }
  if (mode === 'check' && !compile('--noEmit')) return false;

  const out = join(copy, 'out');
  if (!compile('--noEmit', 'false', '--declaration', '--emitDeclarationOnly', '--outDir', out)) return false;
  return mode === 'write' ? write(join(out, 'sdk')) : compare(join(out, 'sdk'));
}

/** @param {string[]} options */
function compile(...options) {
  const { status } = spawnSync(process.execPath, [tsc, '-p', '.', ...options], { cwd: copy, stdio: 'inherit' });
  return status === 0;
}

/** @param {string} made  folder of the new declarations */
function write(made) {
  for (const name of declarations(join(web, 'sdk'))) rmSync(join(web, 'sdk', name));
  for (const name of declarations(made)) writeFileSync(join(web, 'sdk', name), readFileSync(join(made, name)));
  return true;
}

/** @param {string} made */
function compare(made) {
  const names = new Set([...declarations(made), ...declarations(join(web, 'sdk'))]);
  const stale = [...names].filter((name) => read(join(made, name)) !== read(join(web, 'sdk', name)));
  for (const name of stale) console.error(`sdk/${name} does not fit its module. Run \`npm run types\` in web/ and commit it.`);
  return stale.length === 0;
}

/**
 * @param {string} folder
 * @returns {string[]} paths from there, those of sub-folders among them
 */
function declarations(folder) {
  return readdirSync(folder, { encoding: 'utf8', recursive: true }).filter(isDeclaration);
}

/** @param {string} path */
function isDeclaration(path) {
  return path.endsWith('.d.ts') && basename(path) !== GENERATED;
}

/** @param {string} path */
function read(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : null;
}
