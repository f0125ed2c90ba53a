// For .ci/run and test/deploy/kubernetes.test.ts: kustomize, built once out of the Go module proxy, and Kubernetes' own schemas, which
// a Python package has.
import { dirname } from 'node:path';
import { run } from '../setup/command.js';
import { createContext } from '../setup/context.js';
import { SetupError, runScript } from '../setup/errors.js';
import { pythonIn } from '../setup/installers.js';
import { findInterpreter } from '../setup/interpreter.js';
import { withLock } from '../setup/lock.js';
import { step } from '../setup/progress.js';
import { isReady, makeVirtualEnvironment } from '../setup/virtual-environment.js';
import { goBuild } from './go-build.js';
import { KUBERNETES_VALIDATE, KUSTOMIZE_VERSION, kustomizeIn, validateIn } from './kubernetes-tools.js';

const context = createContext();
const folder = validateIn(context.env);

await runScript(async () => {
  const source = {
    module: 'sigs.k8s.io/kustomize/kustomize/v5',
    version: KUSTOMIZE_VERSION,
    programs: { '.': 'kustomize' },
    linkerFlags: [`-X sigs.k8s.io/kustomize/api/provenance.version=kustomize/${KUSTOMIZE_VERSION}`],
  };
  const program = kustomizeIn(context.env);
  await goBuild(context, source, dirname(program));
  context.say(`kustomize ${await run(program, ['version'])}`);
  await withLock(`${folder}.lock`, context.say, async () => {
    if (!isReady(folder)) await step(context, `Fetching ${KUBERNETES_VALIDATE}`, `kept in ${folder}`, make);
  });
  context.say(await run(pythonIn(folder), ['-I', '-m', 'kubernetes_validate', '--version']));
});

async function make() {
  const interpreter = await findInterpreter(context);
  const failures = await makeVirtualEnvironment(
    context,
    interpreter,
    folder,
    [KUBERNETES_VALIDATE],
    'import kubernetes_validate, yaml',
  );
  if (failures.length > 0)
    throw new SetupError(
      `${KUBERNETES_VALIDATE} could not be fetched from the Python package index:\n${failures.join('\n')}`,
    );
}
