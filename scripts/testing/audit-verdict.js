/** What `npm audit --json` came to.
 * @param {number | null} status @param {string} stdout @param {string} stderr
 * @returns {{ passes: boolean, said: string }} */
export function verdictOf(status, stdout, stderr) {
  const report = parse(stdout);
  const found = report?.metadata?.vulnerabilities;
  if (found) {
    const counts = ['critical', 'high', 'moderate', 'low']
      .map((level) => `${found[level]} ${level}`)
      .join(', ');
    const names = Object.entries(report.vulnerabilities ?? {}).map(
      ([name, { severity }]) => `${name} (${severity})`,
    );
    const said = `Known vulnerabilities: ${[counts, ...names].join('\n  ')}`;
    return { passes: status === 0, said };
  }
  const reason = report?.message ?? stderr.trim().split('\n').at(-1) ?? '';
  return {
    passes: true,
    said: `Skipped: the registry answers no audit (${reason || `exit code ${status}`})`,
  };
}

/** @param {string} text */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
