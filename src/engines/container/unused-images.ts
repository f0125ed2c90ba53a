import { SluiceError } from '../../core/errors.ts';
import { frameworkOf, hasFramework } from '../framework.ts';
import type { ContainerClient, ListedImage } from './client.ts';
import { frameworkLabel, frameworkTag } from './images.ts';

export interface UnusedImages {
  /** Tags of framework images whose Dockerfile has another content by now, made before that time. None if there is no engine. */
  list(before: Date): Promise<string[]>;
  /** False, and does nothing, if a container needs it. */
  remove(tag: string): Promise<boolean>;
}

export function createUnusedImages(
  reach: () => Promise<Pick<ContainerClient, 'listImages' | 'removeImage'>>,
  { frameworksDir, baseImage }: { frameworksDir: string; baseImage: string | null },
): UnusedImages {
  const isUnused = async (tag: string) => {
    // Whatever else somebody called it is theirs.
    const [, image] = /^(.+)-[0-9a-f]{12}$/.exec(tag) ?? [];
    const framework = image === undefined ? null : frameworkOf(image);
    if (image === undefined || framework === null) return false;
    return (
      hasFramework(frameworksDir, framework) && tag !== (await frameworkTag(image, frameworksDir, baseImage))
    );
  };
  const listImages = async () => (await reach()).listImages(frameworkLabel);
  return {
    async list(before) {
      const images = await listImages().catch(noneIfAway);
      const tags = images.filter(({ createdAt }) => createdAt < before).flatMap((image) => image.tags);
      const unused = await Promise.all(tags.map(isUnused));
      return tags.filter((_tag, index) => unused[index]);
    },
    remove: async (tag) => (await reach()).removeImage(tag),
  };
}

function noneIfAway(error: unknown): ListedImage[] {
  if (error instanceof SluiceError && error.code === 'EngineUnavailable') return [];
  throw error;
}
