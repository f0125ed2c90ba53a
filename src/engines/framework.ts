/** `sklearn` of `sluice/sklearn:1.2-1`, a framework image that Sluice brings; null for other images. */
export function frameworkOf(image: string): string | null {
  return /^sluice\/([a-z][a-z0-9-]*):[\w.-]+$/.exec(image)?.[1] ?? null;
}
