// Preloaded into a worker and each of its threads: collects their garbage while a file is there, so that what is measured then is alive.
import { existsSync } from 'node:fs';

setInterval(() => existsSync(process.env.SLUICE_BENCH_COLLECT) && globalThis.gc(), 500).unref();
