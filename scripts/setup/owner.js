import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** A process that can be told from a later one with the same number.
 * @typedef {{ pid: number, started: string, where: string }} Owner */

/** @returns {Owner} */
export function thisProcess() {
  return { pid: process.pid, started: startOf(process.pid) ?? '', where: processTable() };
}

/** Whether the process lives; undefined if it belongs to a process table that we cannot see.
 * @param {Owner} owner */
export function isAlive(owner) {
  if (owner.where !== processTable()) return undefined;
  return startOf(owner.pid) === owner.started;
}

/** Containers share a project folder but not their process numbers; a reboot starts them anew. */
function processTable() {
  if (process.platform !== 'linux') return hostname();
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
}

/** When the process started, in the system's own words; undefined if it is over.
 * @param {number} pid */
function startOf(pid) {
  try {
    if (process.platform !== 'linux') {
      return execFileSync('ps', ['-o', 'lstart=', '-p', `${pid}`], { encoding: 'utf8' }).trim() || undefined;
    }
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command's name may hold spaces and parentheses; what follows its last ")" does not.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A killed process that nobody has reaped yet keeps its entry.
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
