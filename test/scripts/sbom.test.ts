import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { projectFolder } from '../../src/config.ts';
import { command } from '../support/commands.ts';

interface Bom {
  bomFormat: string;
  metadata: { component: { name: string; version: string } };
  components: { name: string; group?: string; version: string; purl: string }[];
}
interface Package {
  name: string;
  version: string;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}

describe('the bill of materials', () => {
  const own = JSON.parse(readFileSync(join(projectFolder, 'package.json'), 'utf8')) as Package;
  let bom: Bom;
  beforeAll(async () => {
    const { code, stdout, stderr } = await command('npm', [
      'run',
      '--silent',
      '--prefix',
      projectFolder,
      'sbom',
    ]);
    expect(code, stderr).toBe(0);
    bom = JSON.parse(stdout) as Bom;
  });
  const installed = (name: string) =>
    (JSON.parse(readFileSync(join(projectFolder, 'node_modules', name, 'package.json'), 'utf8')) as Package)
      .version;

  it('is one of Sluice, in the format CycloneDX', () => {
    expect(bom.bomFormat).toBe('CycloneDX');
    expect(bom.metadata.component).toMatchObject({ name: own.name, version: own.version });
  });

  it('has what runs in production, in the versions that are installed', () => {
    const purls = new Set(bom.components.map(({ purl }) => decodeURIComponent(purl)));
    for (const name of Object.keys(own.dependencies))
      expect(purls).toContain(`pkg:npm/${name}@${installed(name)}`);
    // Those of the dependencies as well.
    expect(purls.size).toBeGreaterThan(100);
  });

  it('has nothing that only builds or tests it', () => {
    const names = bom.components.map(({ purl }) => decodeURIComponent(purl));
    for (const name of ['vitest', 'eslint', 'playwright-core'])
      expect(names.filter((purl) => purl.startsWith(`pkg:npm/${name}@`))).toEqual([]);
  });
});
