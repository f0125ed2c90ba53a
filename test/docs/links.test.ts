import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseJson } from '../../src/core/json.ts';
import { parsePipeline } from '../../src/core/parse-pipeline.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const namesOf = (text: string) => new Set(text.match(/\bSLUICE_[A-Z_]+\b/g));

const documents = [
  ...['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md'],
  ...filesOf('docs', '.md'),
  ...filesOf('examples', '.md'),
];
const pipelines = filesOf('examples', 'pipeline.json');

function filesOf(folder: string, ending: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith(ending))
    .map((path) => join(folder, path));
}

/** What a Markdown text links to, without what is in code. */
function linksOf(markdown: string): string[] {
  const prose = markdown.replace(/^ *```[\s\S]*?^ *```$/gm, '').replace(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(<?([^)>\s]+)>?\)/g)].map(([, target]) => target!);
}

/** GitHub's anchors. */
function anchorsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

describe('the documents', () => {
  it.each(documents)('link only to files and sections that are there: %s', (document) => {
    const broken = linksOf(read(document))
      .filter((link) => !/^(https?|mailto):/.test(link))
      .filter((link) => {
        const [path = '', anchor] = link.split('#');
        const target = path === '' ? document : join(dirname(document), path);
        if (!existsSync(resolve(root, target))) return true;
        return anchor !== undefined && target.endsWith('.md') && !anchorsOf(read(target)).includes(anchor);
      });
    expect(broken).toEqual([]);
  });

  it('have every setting that the worker reads in the table of the README', () => {
    const rows = read('README.md')
      .split('\n')
      .filter((line) => line.startsWith('| `'))
      .map((line) => line.split('|')[1]);
    const documented = namesOf(rows.join('\n'));
    expect([...namesOf(read('src/config.ts'))].filter((name) => !documented.has(name))).toEqual([]);
  });

  it('have no setting in the table of the README that nothing reads', () => {
    const sources = [...filesOf('src', '.ts'), ...filesOf('scripts', '.js')].map(read).join('\n');
    const known = namesOf(sources);
    expect([...namesOf(read('README.md'))].filter((name) => !known.has(name))).toEqual([]);
  });
});

describe('the examples', () => {
  it.each(pipelines)('are pipelines that parse without anything given: %s', (path) => {
    const parsed = parseJson(read(path));
    if (parsed.kind === 'invalid') throw new Error(parsed.reason);
    const { pipeline } = parsePipeline(path, parsed.value);
    expect(existsSync(join(root, pipeline.code))).toBe(true);
  });
});
