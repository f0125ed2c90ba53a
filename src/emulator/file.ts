import { z } from 'zod';
import { faultSchema, limitSchema } from './faults.ts';
import { scriptSchema } from './script.ts';

/** The file of `sluice emulator --script`: how jobs go, how many calls are allowed, what goes wrong. */
export const emulatorFileSchema = scriptSchema.extend({
  limits: z.array(limitSchema).default([]),
  faults: z.array(faultSchema).default([]),
});
export type EmulatorFile = z.input<typeof emulatorFileSchema>;
