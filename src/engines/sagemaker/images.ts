import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { SluiceError } from '../../core/errors.ts';
import { listed } from '../../core/wording.ts';

const imageUris = z.object({
  source: z.string(),
  /** By the beginning of the region's name. */
  domains: z.record(z.string(), z.string()),
  frameworks: z.record(
    z.string(),
    z.object({ repository: z.string(), tags: z.record(z.string(), z.string()) }),
  ),
  /** By region: the account of AWS whose registry has the images. */
  accounts: z.record(z.string(), z.string()),
});

let loaded: z.infer<typeof imageUris> | undefined;

function load(): z.infer<typeof imageUris> {
  loaded ??= imageUris.parse(JSON.parse(readFileSync(new URL('image-uris.json', import.meta.url), 'utf8')));
  return loaded;
}

/**
 * The URI of AWS's own image of a framework, which both trains and serves, for CPUs.
 * @throws SluiceError `Unsupported` if AWS has none of that version, or none in the region.
 */
export function frameworkImageUri(
  { name, version }: { name: string; version: string },
  region: string,
): string {
  const { frameworks, accounts, domains } = load();
  const framework = frameworks[name];
  const tag = framework?.tags[version];
  if (framework === undefined || tag === undefined) {
    const known = framework === undefined ? Object.keys(frameworks) : Object.keys(framework.tags);
    throw new SluiceError(
      'Unsupported',
      `Sluice knows no image of AWS for ${name} ${version} (it knows ${listed(known)}); name one by "image"`,
    );
  }
  const account = accounts[region];
  if (account === undefined) {
    throw new SluiceError(
      'Unsupported',
      `Sluice knows no registry of AWS's images for the region ${region}; name the image by "image"`,
    );
  }
  const prefix = Object.keys(domains).find((begin) => region.startsWith(begin)) ?? 'default';
  return `${account}.dkr.ecr.${region}.${domains[prefix] ?? ''}/${framework.repository}:${tag}`;
}

/** Regions that AWS has opened since the list was made are not known. */
export const knowsRegion = (region: string): boolean => Object.hasOwn(load().accounts, region);

/** The framework whose image of AWS it is, in whatever region; null for other images. */
export function frameworkOfAws(image: string): { name: string; version: string } | null {
  const [, repository, tag] = /^\d{12}\.dkr\.ecr(?:-fips)?\.[^/]+\/([^:@]+):([^@]+)$/.exec(image) ?? [];
  const found = Object.entries(load().frameworks).find(
    ([, framework]) => framework.repository === repository,
  );
  if (found === undefined) return null;
  const [name, { tags }] = found;
  return { name, version: Object.keys(tags).find((known) => tags[known] === tag) ?? tag ?? '' };
}
