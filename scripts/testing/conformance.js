import { readFileSync } from 'node:fs';

/** What one target made of a case. @typedef {{ result: 'pass' | 'fail' | 'not here', reason: string | null }} Verdict */
/** @typedef {{ id: string, title: string, source: string, verdicts: Map<string, Verdict> }} Row */
/** `unavailable` has the targets that this machine cannot run, with the reasons.
 * @typedef {{ targets: string[], rows: Row[], unavailable: Map<string, string> }} Conformance */

/** @typedef {{ target: string, id: string, title: string, source: string, skip: string | null, unavailable: string | null }} Meta */

/** Reads Vitest's JSON report of test/conformance, whose tests say in their `meta` what they are.
 * @param {string} path @returns {Conformance} */
export function readConformance(path) {
  /** @type {{ testResults: { assertionResults: { status: string, meta?: { conformance?: Meta } }[] }[] }} */
  const report = JSON.parse(readFileSync(path, 'utf8'));
  /** @type {Map<string, Row>} */
  const rows = new Map();
  const unavailable = new Map();
  const targets = new Set();
  for (const { status, meta } of report.testResults.flatMap(({ assertionResults }) => assertionResults)) {
    const one = meta?.conformance;
    if (one === undefined) continue;
    const { target, id, title, source } = one;
    if (one.unavailable !== null) {
      unavailable.set(target, one.unavailable);
      continue;
    }
    targets.add(target);
    const row = rows.get(id) ?? { id, title, source, verdicts: new Map() };
    rows.set(id, row);
    row.verdicts.set(target, verdict(status, one.skip));
  }
  return { targets: [...targets], rows: [...rows.values()], unavailable };
}

/** @param {string} status @param {string | null} skip @returns {Verdict} */
function verdict(status, skip) {
  if (status !== 'passed') return { result: 'fail', reason: null };
  return skip === null ? { result: 'pass', reason: null } : { result: 'not here', reason: skip };
}

/** Whether every target has a verdict on every case. @param {Conformance} conformance */
export const isComplete = ({ targets, rows, unavailable }) =>
  rows.length > 0 &&
  unavailable.size === 0 &&
  rows.every(({ verdicts }) => targets.every((target) => verdicts.has(target)));

/** The cells of the verdicts, and the reasons that they number. @param {Conformance} conformance */
function numbered({ targets, rows }) {
  /** @type {string[]} */
  const reasons = [];
  const cell = (/** @type {Verdict | undefined} */ found) => {
    if (found === undefined) return 'not run';
    if (found.reason === null) return found.result;
    if (!reasons.includes(found.reason)) reasons.push(found.reason);
    return `${found.result} (${reasons.indexOf(found.reason) + 1})`;
  };
  return {
    lines: rows.map((row) => ({ row, cells: targets.map((target) => cell(row.verdicts.get(target))) })),
    reasons,
  };
}

/** For a terminal. @param {Conformance} conformance */
export function toText(conformance) {
  const { lines, reasons } = numbered(conformance);
  const table = [
    ['case', 'source', ...conformance.targets],
    ...lines.map(({ row, cells }) => [row.id, row.source, ...cells]),
  ];
  const widths = table[0].map((_, column) => Math.max(...table.map((line) => line[column].length)));
  return [
    ...table.map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    ),
    '',
    ...reasons.map((reason, index) => `(${index + 1}) ${reason}`),
    ...[...conformance.unavailable].map(([target, reason]) => `${target}: not run. ${reason}`),
    ...conformance.targets.map((target) => `${target}: ${count(conformance, target)}`),
  ].join('\n');
}

/** @param {Conformance} conformance @param {string} target */
function count({ rows }, target) {
  const results = rows.map(({ verdicts }) => verdicts.get(target)?.result ?? 'not run');
  const kinds = ['pass', 'fail', 'not here', 'not run'];
  return kinds
    .map((kind) => [results.filter((result) => result === kind).length, kind])
    .filter(([number]) => number !== 0)
    .map((part) => part.join(' '))
    .join(', ');
}

const preamble = `# Conformance

<!-- Written by \`npm run conformance\` from a real run. Do not edit. -->

SageMaker's container contract, a sentence each, and which engine keeps it. One table of cases (\`test/conformance\`) is run unchanged against
every engine: through the engine's interface, the requests of SageMaker's own API, and what the job itself writes. An engine that cannot do
something says so with its reason; nothing else is left out.

_SDK #n_ is an issue of the SageMaker Python SDK, whose local mode behaves otherwise; _training-toolkit #n_ one of the SageMaker training toolkit.
`;

const notOnSageMaker =
  'No case has been run on SageMaker itself yet: the sources are what AWS documents and what its open toolkits do. _sagemaker_ is the ' +
  "engine of mode `sagemaker` with Sluice's emulator, which runs the jobs in containers ([emulator.md](emulator.md)), and a real S3 server.";

/** For docs/conformance.md. @param {Conformance} conformance */
export function toMarkdown(conformance) {
  const { lines, reasons } = numbered(conformance);
  const { targets } = conformance;
  const row = (/** @type {string[]} */ cells) => `| ${cells.map(escape).join(' | ')} |`;
  return [
    preamble,
    notOnSageMaker,
    '',
    ...targets.map((target) => `- **${target}**: ${count(conformance, target)}`),
    '',
    row(['case', 'what holds', 'source', ...targets]),
    row(['case', 'what holds', 'source', ...targets].map(() => '---')),
    ...lines.map(({ row: { id, title, source }, cells }) => row([id, title, source, ...cells])),
    '',
    '## Not here, and why',
    '',
    ...reasons.map((reason, index) => `${index + 1}. ${reason}`),
    '',
  ].join('\n');
}

/** The cases of a document that {@link toMarkdown} made. @param {string} markdown */
export function readCases(markdown) {
  return markdown
    .split('\n')
    .filter((line) => /^\| [a-z0-9-]+ \| /.test(line) && !/^\| (case|---) /.test(line))
    .map((line) => {
      const [id, title, source] = line.slice(2, -2).split(' | ').map(unescape);
      return { id, title, source };
    });
}

const escapes = [
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['|', '&#124;'],
  ['*', '&#42;'],
  ['_', '&#95;'],
];
const escape = (/** @type {string} */ text) =>
  escapes.reduce((done, [plain, code]) => done.replaceAll(plain, code), text);
const unescape = (/** @type {string} */ text) =>
  escapes.reduceRight((done, [plain, code]) => done.replaceAll(code, plain), text);
