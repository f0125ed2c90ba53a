// For .ci/run and for tests against the emulator: boto3 and the AWS CLI, out of the Python package index, in an environment
// of their own in the cache. They need Python 3.10 or newer.
import { run } from '../setup/command.js';
import { createContext } from '../setup/context.js';
import { SetupError, runScript } from '../setup/errors.js';
import { pythonIn } from '../setup/installers.js';
import { findInterpreter } from '../setup/interpreter.js';
import { withLock } from '../setup/lock.js';
import { step } from '../setup/progress.js';
import { isReady, makeVirtualEnvironment } from '../setup/virtual-environment.js';
import { AWS_CLIENTS, awsClientsIn } from './aws-clients-folder.js';

const OLDEST_MINOR = 10;
const context = createContext();
const folder = awsClientsIn(context.env);

await runScript(() =>
  withLock(`${folder}.lock`, context.say, async () => {
    if (!isReady(folder))
      await step(context, `Fetching ${AWS_CLIENTS.join(' and ')}`, `kept in ${folder}`, make);
    const version =
      'import boto3, botocore; print(f"boto3 {boto3.__version__}, botocore {botocore.__version__}")';
    context.say(await run(pythonIn(folder), ['-I', '-c', version], { timeoutSeconds: 60 }));
  }),
);

async function make() {
  const interpreter = await findInterpreter(context);
  if (interpreter.minor < OLDEST_MINOR)
    throw new SetupError(
      `boto3 and the AWS CLI need Python 3.${OLDEST_MINOR}; ${interpreter.path} is ${interpreter.version}. SLUICE_PYTHON_BASE names another one.`,
    );
  const failures = await makeVirtualEnvironment(
    context,
    interpreter,
    folder,
    AWS_CLIENTS,
    'import boto3, awscli',
  );
  if (failures.length > 0)
    throw new SetupError(
      `${AWS_CLIENTS.join(' and ')} could not be fetched from the Python package index:\n${failures.join('\n')}`,
    );
}
