import { createProgram } from './cli/program.ts';
import { runMain } from './cli/run-main.ts';

await runMain(async () => {
  const args = process.argv.slice(2);
  // Everything behind it belongs to Temporal's own parser, `--help` included.
  if (args[0] === 'temporal') {
    const { passToTemporal } = await import('./cli/temporal.ts');
    return passToTemporal(args.slice(1));
  }
  let exitCode = 0;
  await createProgram((code) => (exitCode = code)).parseAsync(args, { from: 'user' });
  return exitCode;
});
