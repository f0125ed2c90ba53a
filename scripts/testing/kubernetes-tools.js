import { join } from 'node:path';
import { cacheFolder } from '../setup/cache.js';

/** What renders the manifests, as `kubectl kustomize` does: https://github.com/kubernetes-sigs/kustomize, Apache-2.0. */
export const KUSTOMIZE_VERSION = 'v5.8.1';
/** Has the schemas of many versions of Kubernetes: https://pypi.org/project/kubernetes-validate, Apache-2.0. */
export const KUBERNETES_VALIDATE = 'kubernetes-validate==1.37.0';

/** Where `scripts/testing/kubernetes.js` puts them, once for all projects of this user. @param {NodeJS.ProcessEnv} env */
export const kustomizeIn = (env) => join(cacheFolder(env), 'kustomize', KUSTOMIZE_VERSION, 'kustomize');

/** A virtual environment. @param {NodeJS.ProcessEnv} env */
export const validateIn = (env) => join(cacheFolder(env), KUBERNETES_VALIDATE.replace('==', '-'));
