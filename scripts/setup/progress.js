const QUIET_MS = 3_000;
const LINE_EVERY_MS = 10_000;
const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/** Says what is being done and why, and that it still goes on.
 * @template T
 * @param {import('./context.js').Context} context
 * @param {string} what such as "Installing npm dependencies"
 * @param {string} why such as "node_modules is missing"
 * @param {() => Promise<T>} work @returns {Promise<T>} */
export async function step({ out }, what, why, work) {
  out.write(`${what} (${why})…\n`);
  const stop = out.isTTY ? spin(out) : tick(out, what);
  try {
    return await work();
  } finally {
    stop();
  }
}

/** @param {import('./context.js').Output} out */
function spin(out) {
  const start = Date.now();
  let frame = 0;
  const timer = setInterval(() => {
    const elapsed = Date.now() - start;
    if (elapsed >= QUIET_MS)
      out.write(`\r${FRAMES[frame++ % FRAMES.length]} ${Math.floor(elapsed / 1000)} s`);
  }, 100);
  return () => {
    clearInterval(timer);
    if (frame > 0) out.write('\r\u001b[K');
  };
}

/** @param {import('./context.js').Output} out @param {string} what */
function tick(out, what) {
  const start = Date.now();
  const doing = what.charAt(0).toLowerCase() + what.slice(1);
  const timer = setInterval(() => {
    out.write(`  still ${doing}: ${Math.round((Date.now() - start) / 1000)} s\n`);
  }, LINE_EVERY_MS);
  return () => clearInterval(timer);
}
