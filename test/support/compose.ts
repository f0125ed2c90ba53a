import { accessSync, constants, cpSync, mkdtempSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectFolder } from '../../src/config.ts';
import type { RunReport } from '../../src/core/run.ts';
import { command, type Finished } from './commands.ts';
import { dockerSocket, whyNoDocker } from './docker.ts';
import { freePorts } from './ports.ts';
import { describePart } from './real-parts.ts';
import { temporalCli } from './toolchain.ts';

const tool = new URL('../../scripts/testing/compose-tool.js', import.meta.url);
const { composeIn } = (await import(tool.href)) as { composeIn: (env: NodeJS.ProcessEnv) => string };
const program = composeIn(process.env);

/** For tests of the whole stack in containers. */
export const describeCompose = describePart('the Compose stack', 'SLUICE_REQUIRE_COMPOSE', findReason());

function findReason(): string | undefined {
  if (whyNoDocker !== undefined) return whyNoDocker;
  try {
    accessSync(program, constants.X_OK);
    return undefined;
  } catch {
    return `there is no ${program}; \`node scripts/testing/compose.js\` builds it (Go is needed), and makes the images`;
  }
}

export interface ComposeStack {
  /** A copy of the project's examples, the folder that workers read. */
  readonly project: string;
  readonly uiUrl: string;
  readonly s3: Readonly<Record<string, string>>;
  /** `docker compose …`. @throws with what it printed, if it fails. */
  compose(...args: string[]): Promise<string>;
  /** `sluice …` in the container of a worker, with other settings, whatever comes of it. */
  sluice(worker: string, args: readonly string[], settings?: readonly string[]): Promise<Finished>;
  /** Commands of the docs, in a shell; the stack that they mean is this one. @throws with what they printed, if they fail. */
  shell(commands: string): Promise<string>;
  /** The Temporal CLI on this machine, outside of all containers. */
  temporal(...args: string[]): Promise<string>;
  start(workflowId: string, input: object): Promise<void>;
  runIdOf(workflowId: string): Promise<string>;
  /** Waits for the end of the run. @throws with what Temporal says of it, if it failed. */
  report(workflowId: string): Promise<RunReport>;
  /** Takes everything down, with the volumes. */
  close(): Promise<void>;
}

/** A stack of its own: another project name, free ports, passwords of its own. Nothing is started yet. */
export async function openComposeStack(options: {
  file: string;
  name: string;
  profile: 'containers' | 'processes';
}): Promise<ComposeStack> {
  const [temporalPort, uiPort, s3Port] = (await freePorts(3)) as [number, number, number];
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-compose-')));
  cpSync(join(projectFolder, 'examples'), join(folder, 'examples'), { recursive: true });
  // The worker is another user.
  await succeed(command('chmod', ['-R', 'a+rX', folder]));
  const env = {
    COMPOSE_PROJECT_NAME: options.name,
    COMPOSE_PROFILES: options.profile,
    COMPOSE_FILE: join(projectFolder, options.file),
    COMPOSE_DISABLE_ENV_FILE: '1',
    SLUICE_PROJECT: folder,
    DOCKER_SOCKET: dockerSocket,
    DOCKER_GID: `${statSync(dockerSocket).gid}`,
    POSTGRES_PASSWORD: 'only-for-this-test',
    S3_ACCESS_KEY: 'sluice',
    S3_SECRET_KEY: 'only-for-this-test',
    TEMPORAL_PORT: `${temporalPort}`,
    TEMPORAL_UI_PORT: `${uiPort}`,
    S3_PORT: `${s3Port}`,
  };
  const compose = async (...args: string[]) => succeed(command(program, args, env));
  const temporal = async (...args: string[]) =>
    succeed(command(temporalCli(), args, { TEMPORAL_ADDRESS: `127.0.0.1:${temporalPort}` }));
  return {
    project: folder,
    uiUrl: `http://127.0.0.1:${uiPort}`,
    s3: {
      AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${s3Port}`,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: env.S3_ACCESS_KEY,
      AWS_SECRET_ACCESS_KEY: env.S3_SECRET_KEY,
    },
    compose,
    temporal,
    sluice: (worker, args, settings = []) => {
      const changed = settings.flatMap((setting) => ['--env', setting]);
      return command(program, ['exec', '-T', ...changed, worker, 'sluice', ...args], env);
    },
    shell: (commands) => {
      const compose_ = `docker() { if [ "$1" = compose ]; then shift; "${program}" "$@"; else command docker "$@"; fi; }`;
      const own = commands.replaceAll(/\bsluice_(?=\w+:)/g, `${options.name}_`);
      return succeed(command('sh', ['-euc', `${compose_}\ncd "${folder}"\n${own}`], env));
    },
    async start(workflowId, input) {
      const what = ['--type', 'trainingPipeline', '--task-queue', 'sluice', '--workflow-id', workflowId];
      await temporal('workflow', 'start', ...what, '--input', JSON.stringify(input));
    },
    async runIdOf(workflowId) {
      const printed = await temporal('workflow', 'describe', '--workflow-id', workflowId, '--output', 'json');
      const { workflowExecutionInfo } = JSON.parse(printed) as {
        workflowExecutionInfo: { execution: { runId: string } };
      };
      return workflowExecutionInfo.execution.runId;
    },
    async report(workflowId) {
      const printed = await temporal('workflow', 'result', '--workflow-id', workflowId, '--output', 'json');
      return (JSON.parse(printed) as { result: RunReport }).result;
    },
    async close() {
      await compose('--profile', '*', 'down', '--volumes', '--timeout', '30');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function succeed(finished: Promise<Finished>): Promise<string> {
  const { code, stdout, stderr } = await finished;
  if (code === 0) return stdout;
  throw new Error(`exit code ${code}\n${stderr.slice(-4000)}\n${stdout.slice(-2000)}`);
}
