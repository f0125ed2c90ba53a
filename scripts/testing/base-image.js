// For .ci/run and for tests of containers: the engine gets the base of images/sklearn. Where no registry can be reached, a
// stand-in is made of Debian's packages under the same name. Root, debootstrap and apt's own mirror are what that needs.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createContext, projectRoot } from '../setup/context.js';
import { runScript } from '../setup/errors.js';
import { step } from '../setup/progress.js';
import { debianTar, ensureImage, importTar } from './stand-in.js';

const system = {
  suite: 'bookworm',
  // Debian's scikit-learn 1.2.1 and xgboost 1.7.4 are those of the requirements. pip: for jobs that bring a requirements.txt.
  packages: [
    'ca-certificates',
    'gunicorn',
    'python-is-python3',
    'python3-joblib',
    'python3-packaging',
    'python3-pandas',
    'python3-pip',
    'python3-sklearn',
    'python3-threadpoolctl',
    'python3-xgboost',
  ],
  // scipy's package depends on a whole C++ compiler, and nothing here ever compiles.
  leftOut: [
    'dev/*',
    'etc/hostname',
    'etc/resolv.conf',
    'proc/*',
    'sys/*',
    'tmp/*',
    'usr/bin/*-linux-gnu-*',
    'usr/include/*',
    'usr/lib/gcc/*',
    'usr/lib/*/*.a',
    'usr/lib/python3/dist-packages/*/tests',
    'usr/share/doc/*',
    'usr/share/info/*',
    'usr/share/locale/*',
    'usr/share/man/*',
    'var/cache/apt/*',
    'var/lib/apt/lists/*',
    'var/log/*',
  ],
};
const changes = ['CMD ["python3"]', 'ENV SLUICE_ACCEPT_INSTALLED=1'];

const context = createContext();
const tag = readTag();

await runScript(() =>
  ensureImage(context, {
    tag,
    facts: [system, process.arch, changes],
    make: async (labels) => {
      const tar = await debianTar(context, system);
      await step(context, `Importing the stand-in as ${tag}`, tar, () =>
        importTar(tag, tar, changes, labels),
      );
    },
  }),
);

function readTag() {
  const text = readFileSync(join(projectRoot, 'images', 'sklearn', 'Dockerfile'), 'utf8');
  const found = /^ARG BASE_IMAGE=(\S+)$/m.exec(text)?.[1];
  if (!found) throw new Error('images/sklearn/Dockerfile has no default BASE_IMAGE');
  return found;
}
