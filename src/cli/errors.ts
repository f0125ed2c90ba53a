import { CommanderError } from 'commander';
import { errorTable, SluiceError } from '../core/errors.ts';
import { printable } from './output.ts';

/** Of the whole program. */
export const exitCodes = { accepted: 0, other: 1, wrongInput: 2, rejected: 3, canceled: 130 } as const;

const usageCode = 'sluice.usage';

/** The command was called wrongly: exit code 2, and no hint about pipeline files. */
export const usageError = (message: string) => new CommanderError(exitCodes.wrongInput, usageCode, message);

/** Something that the user learns in one sentence: exit code 1. */
export const plainError = (message: string) => new CommanderError(exitCodes.other, usageCode, message);

/** Codes that mean: what was asked for can't be run as it is. */
export const isWrongInput = (code: string) => code === 'InvalidInput' || code === 'Unsupported';

export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) {
    // Commander's own complaints have exit code 1; help and version end with 0.
    return error.exitCode === 1 && error.code !== usageCode ? exitCodes.wrongInput : error.exitCode;
  }
  return error instanceof SluiceError && isWrongInput(error.code) ? exitCodes.wrongInput : exitCodes.other;
}

/** One clear message on stderr; the stack only for those who look for it. */
export async function reportError(error: unknown): Promise<void> {
  // Commander has written its own.
  if (error instanceof CommanderError && error.code !== usageCode) return;
  process.stderr.write(`error: ${printable(explain(error))}\n`);
  if (error instanceof Error && (await wantsStacks())) process.stderr.write(`${error.stack ?? ''}\n`);
}

/** In words for the person who called. */
export function explain(error: unknown): string {
  if (error instanceof SluiceError) return `${error.message}\n→ ${errorTable[error.code].hint}`;
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  const details = cause instanceof Error ? ((cause as { details?: string }).details ?? cause.message) : '';
  return details === '' || error.message.includes(details) ? error.message : `${error.message}: ${details}`;
}

async function wantsStacks(): Promise<boolean> {
  try {
    const { readConfig } = await import('../config.ts');
    return ['debug', 'trace'].includes(readConfig().logLevel);
  } catch {
    return false;
  }
}
