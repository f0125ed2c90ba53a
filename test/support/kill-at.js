// Kills the process that imports it at one call of the file system, once for all processes: KILL_AT has the call's name, whether
// before or after it, a pattern that one of its arguments matches, and the file that says it is done.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const { call, when, pattern, done } = JSON.parse(process.env.KILL_AT);
const matches = new RegExp(pattern);
const isMeant = (args) => args.some((value) => typeof value === 'string' && matches.test(value));

function killOnce() {
  try {
    fs.writeFileSync(done, '', { flag: 'wx' });
  } catch {
    return;
  }
  process.kill(process.pid, 'SIGKILL');
}

const place = call.endsWith('Sync') ? fs : fs.promises;
const original = place[call];
place[call] = (...args) => {
  if (when === 'before' && isMeant(args)) killOnce();
  const result = original.apply(place, args);
  if (when === 'before' || !isMeant(args)) return result;
  return Promise.resolve(result).then((value) => {
    killOnce();
    return value;
  });
};
syncBuiltinESMExports();
