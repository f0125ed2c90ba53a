// What Docker runs in a worker's container to see whether it is healthy.
const answer = await fetch(`http://127.0.0.1:${process.env.SLUICE_HEALTH_PORT}/healthz`).catch(
  () => undefined,
);
process.exitCode = answer?.ok ? 0 : 1;
