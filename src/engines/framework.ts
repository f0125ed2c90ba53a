import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SluiceError } from '../core/errors.ts';

/** The folder beside those of the frameworks with what all of them have: the commands `train` and `serve`. */
export const scriptModeFolder = 'script-mode';

/** `sklearn` of `sluice/sklearn:1.2-1`, a framework image that Sluice brings; null for other images. */
export function frameworkOf(image: string): string | null {
  return /^sluice\/([a-z][a-z0-9-]*):[\w.-]+$/.exec(image)?.[1] ?? null;
}

/** Whether there is a framework of that name: a folder with a Dockerfile. */
export const hasFramework = (frameworksDir: string, framework: string) =>
  existsSync(join(frameworksDir, framework, 'Dockerfile'));

/** @throws SluiceError `Unsupported` for the name of a framework image that Sluice has not. */
export function checkFramework(image: string, frameworksDir: string): void {
  const framework = frameworkOf(image);
  if (framework === null || hasFramework(frameworksDir, framework)) return;
  throw new SluiceError('Unsupported', `${image}: there is no such framework`, { details: { image } });
}
