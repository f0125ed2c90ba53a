import { readFile, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';

const machine = `${cpus().length} × ${cpus()[0].model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform}, Node ${process.version}`;

const head = `# Figures

Written by \`npm run bench\`; \`npm run bench -- NAME…\` measures some of them anew. Medians; the range and the number of runs in brackets.
What is compared runs alternately in one run.
`;

/** What was measured under one name, as a section of the results. */
export const section = (name, rows) =>
  [
    `## ${name}`,
    '',
    `${new Date().toISOString().slice(0, 10)}, ${machine}.`,
    '',
    '| figure | aim | measured |',
    '| --- | --- | --- |',
    ...rows.map(({ figure, aim, measured }) => `| ${figure} | ${aim} | ${measured} |`),
    '',
  ].join('\n');

/** Puts sections in the place of the former ones of their names. @param names - of all figures, in their order. */
export async function keep(path, names, sections) {
  const text = await readFile(path, 'utf8').catch(() => '');
  const former = text.split(/^(?=## )/m).map((part) => [/^## (\w+)/.exec(part)?.[1], `${part.trimEnd()}\n`]);
  const all = new Map([...former, ...sections]);
  const kept = names.filter((name) => all.has(name)).map((name) => all.get(name));
  await writeFile(path, [head, ...kept].join('\n'));
}
