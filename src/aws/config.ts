/** Short for what answers within a second, long enough for a slow proxy. */
const connectionTimeoutMs = 5_000;
const requestTimeoutMs = 30_000;

/** What all clients of the AWS SDK have in common. */
export interface ClientOptions {
  region?: string;
  maxAttempts: number;
  requestHandler: { connectionTimeout: number; requestTimeout: number; throwOnRequestTimeout: boolean };
}

/**
 * Credentials, profile and endpoints are left to the SDK's own chain: `AWS_PROFILE`, `AWS_ENDPOINT_URL` and
 * `AWS_ENDPOINT_URL_<SERVICE>`, the shared files, roles of containers and machines. So is the region, if none is given.
 *
 * The SDK does not try again by itself: who calls knows what a call costs and whether its answer may be lost.
 */
export function clientOptions(region?: string): ClientOptions {
  return {
    ...(region !== undefined && { region }),
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: connectionTimeoutMs,
      requestTimeout: requestTimeoutMs,
      throwOnRequestTimeout: true,
    },
  };
}

/** Loads once, at the first call, and again if that failed: the SDK's clients take up to 0.2 s and 40 MB each. */
export function lazily<T>(load: () => Promise<T>): () => Promise<T> {
  let loading: Promise<T> | undefined;
  return () => {
    loading ??= load().catch((error: unknown) => {
      loading = undefined;
      throw error;
    });
    return loading;
  };
}
