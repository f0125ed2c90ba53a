import { exitCodeOf, reportError } from './errors.ts';

/** Runs the program to its end and leaves with its exit code, whatever is still open. */
export async function runMain(main: () => Promise<number>): Promise<void> {
  // Who reads our output may have seen enough: `sluice logs ID | head`.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(process.exitCode ?? 0);
  });
  process.stderr.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
  });
  try {
    process.exitCode = await main();
  } catch (error) {
    await reportError(error);
    process.exitCode = exitCodeOf(error);
  }
  await new Promise((resolve) => process.stdout.write('', resolve));
  process.exit();
}
