import { createHash } from 'node:crypto';
import type { JobRequest } from '../../core/jobs.ts';

/** SHA-256, hex, of the request as JSON with sorted keys: equal for equal requests, whatever their order of keys. */
export function requestHash(job: JobRequest): string {
  return createHash('sha256').update(canonicalJson(job)).digest('hex');
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? // Compared by code unit: the order must not depend on the locale.
        Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
