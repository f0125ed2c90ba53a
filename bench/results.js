import { readFile, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';

const machine = `${cpus().length} × ${cpus()[0].model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform}, Node ${process.version}`;

const head = `# Figures

Written by \`npm run bench\`; \`npm run bench -- NAME…\` measures some of them anew. Medians; the range and the number of runs in brackets.
What is compared runs alternately in one run.
`;

const section = (name, rows) =>
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

/** Puts what was measured under a name in the place of what was before. @param names - of all, in their order. */
export async function keep(path, names, name, rows) {
  const text = await readFile(path, 'utf8').catch(() => '');
  const former = text.split(/^(?=## )/m).map((part) => [/^## (\w+)/.exec(part)?.[1], `${part.trimEnd()}\n`]);
  const all = new Map([...former, [name, section(name, rows)]]);
  const kept = names.filter((one) => all.has(one)).map((one) => all.get(one));
  await writeFile(path, [head, ...kept].join('\n'));
}
