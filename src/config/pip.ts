import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Where pip of jobs finds packages: what the person has set for pip, as far as it holds no secret. */
export interface PipSettings {
  /** Variables for jobs. */
  settings: Readonly<Record<string, string>>;
  /** Names of variables that jobs do not get, since their values hold credentials. */
  withheld: readonly string[];
}

/** pip's own names; what leads its installations elsewhere is not among them. */
const names = [
  'PIP_INDEX_URL',
  'PIP_EXTRA_INDEX_URL',
  'PIP_FIND_LINKS',
  'PIP_NO_INDEX',
  'PIP_TRUSTED_HOST',
  'PIP_CERT',
  'PIP_PROXY',
  'PIP_DEFAULT_TIMEOUT',
  'PIP_RETRIES',
];

type Environment = Readonly<Record<string, string | undefined>>;

/** @param homeFolder - of the person; a job has another one, so pip would not find the file there. */
export function pipSettings(env: Environment, homeFolder: string): PipSettings {
  const given = names.flatMap((name) => (env[name] ? [[name, env[name]] as const] : []));
  const file = env.PIP_CONFIG_FILE ?? configFile(env, homeFolder);
  return {
    settings: {
      ...Object.fromEntries(given.filter(([, value]) => !hasCredentials(value))),
      // The file stays where it is and as private as it is: jobs run as the person who may read it.
      ...(file !== undefined && { PIP_CONFIG_FILE: file }),
    },
    withheld: given.filter(([, value]) => hasCredentials(value)).map(([name]) => name),
  };
}

const hasCredentials = (value: string) => /:\/\/[^/\s]*@/.test(value);

/** pip's places for the file of a user: https://pip.pypa.io/en/stable/topics/configuration/ */
function configFile({ XDG_CONFIG_HOME }: Environment, homeFolder: string): string | undefined {
  const places = [
    join(homeFolder, 'Library', 'Application Support', 'pip', 'pip.conf'),
    join(XDG_CONFIG_HOME ?? join(homeFolder, '.config'), 'pip', 'pip.conf'),
    join(homeFolder, '.pip', 'pip.conf'),
  ];
  return places.find((path) => existsSync(path));
}
