import { z } from 'zod';
import { text } from './fields.ts';

/** Where the worker finds a secret, so that neither the pipeline file nor the history has it. */
export const secretReference = z.union([
  z.strictObject({ Env: z.string().regex(/^[A-Za-z_]\w{0,255}$/, 'must be the name of a variable') }),
  z.strictObject({ File: text(1024).regex(/^\//, 'must be an absolute path') }),
]);
export type SecretReference = z.infer<typeof secretReference>;

/** Reads secrets where a reference says. @throws SluiceError `InvalidInput` that names the reference, never what was found. */
export type SecretReader = (reference: SecretReference) => Promise<string>;
