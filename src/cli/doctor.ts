import { readConfig } from '../config.ts';
import { checkAws } from './doctor/aws.ts';
import { checkEndpoints } from './doctor/endpoints.ts';
import { checkMachine } from './doctor/machine.ts';
import { checkServer } from './doctor/server.ts';
import { alignColumns, print, printJson } from './output.ts';

/**
 * What is there, what is missing, and what to do: of this machine, and of the deployment that it belongs to. Starts and makes
 * nothing. Exit code 1 if something does not work.
 */
export async function doctorCommand(options: { json?: true; aws?: true }): Promise<number> {
  const config = readConfig();
  const [machine, server, aws, endpoints] = await Promise.all([
    checkMachine(config),
    checkServer(config),
    checkAws(config, options.aws === true),
    checkEndpoints(config),
  ]);
  const checks = [...machine, ...server, ...endpoints, ...aws];
  const ok = checks.every(({ state }) => state !== 'failure');
  if (options.json) printJson({ ok, checks });
  else {
    const rows = checks.map(({ what, state, said, todo }) => [
      state,
      what,
      todo === undefined ? said : `${said}; ${todo}`,
    ]);
    print(alignColumns(rows).join('\n'));
  }
  return ok ? 0 : 1;
}
