// What Docker runs in a worker's container to see whether it is healthy.
const { SLUICE_HEALTH_PORT: set = '' } = process.env;
// Of all addresses Linux takes the loopback.
const address = /^\d+$/.test(set) ? `127.0.0.1:${set}` : set;
const answer = await fetch(`http://${address}/healthz`).catch(() => undefined);
process.exitCode = answer?.ok ? 0 : 1;
