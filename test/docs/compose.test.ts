import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectFolder } from '../../src/config.ts';
import { searchAttributeTypes } from '../../src/core/run.ts';

const read = (name: string) => readFileSync(join(projectFolder, name), 'utf8');
const { version } = JSON.parse(read('package.json')) as { version: string };

describe.each(['docker-compose.yml', 'compose.dev.yml'])('%s', (name) => {
  const text = read(name);
  const all = (pattern: RegExp) => [...text.matchAll(pattern)].map((match) => match[1]!);

  it('pins every image to a version, ours to this one', () => {
    const images = all(/^\s+image: (\S+)$/gm);
    for (const image of images) expect(image).toMatch(/^[\w/.-]+:v?\d+\.\d+/);
    const ours = images.filter((image) => /^sluice(-process)?:/.test(image));
    expect(new Set(ours.map((image) => image.split(':')[1]))).toEqual(new Set([version]));
  });

  it('publishes ports on the loopback alone', () => {
    const published = all(/['"]([^'"]*:\d+)['"]/g).filter((port) => port.includes('_PORT'));
    expect(published.length).toBeGreaterThan(1);
    for (const port of published) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  it('has no secrets: they are asked for', () => {
    for (const value of all(/(?:PASSWORD|_PWD|SECRET_KEY|SECRET_ACCESS_KEY): (.*)$/gm))
      expect(value).toMatch(/^\$\{\w+:\?/);
  });

  it('registers every search attribute', () => {
    for (const [attribute, type] of Object.entries(searchAttributeTypes))
      expect(text).toMatch(
        new RegExp(`--search-attribute=${attribute}=${type}$|--name ${attribute} --type ${type}\\b`, 'm'),
      );
  });
});
