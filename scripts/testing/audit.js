// Fails if a dependency of production has a known vulnerability of high severity or worse. Where the registry has no audit endpoint
// it says so, and passes.
import { spawnSync } from 'node:child_process';
import { verdictOf } from './audit-verdict.js';

const args = ['audit', '--omit=dev', '--audit-level=high', '--json'];
const { status, stdout, stderr } = spawnSync('npm', args, { encoding: 'utf8', timeout: 240_000 });
const verdict = verdictOf(status, stdout, stderr);
console.log(verdict.said);
process.exitCode = verdict.passes ? 0 : 1;
