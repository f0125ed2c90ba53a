import { describe, expect, it } from 'vitest';

const { verdictOf } = (await import(
  new URL('../../scripts/testing/audit-verdict.js', import.meta.url).href
)) as {
  verdictOf: (status: number | null, stdout: string, stderr: string) => { passes: boolean; said: string };
};

const report = (high: number) =>
  JSON.stringify({
    vulnerabilities: high > 0 ? { leftpad: { severity: 'high' } } : {},
    metadata: { vulnerabilities: { critical: 0, high, moderate: 0, low: 0 } },
  });

describe('the audit of dependencies', () => {
  it('passes with none, and fails with one, by its name', () => {
    expect(verdictOf(0, report(0), '')).toEqual({
      passes: true,
      said: 'Known vulnerabilities: 0 critical, 0 high, 0 moderate, 0 low',
    });
    expect(verdictOf(1, report(1), '')).toMatchObject({
      passes: false,
      said: expect.stringContaining('leftpad (high)'),
    });
  });

  it('is skipped with the reason where the registry has no such endpoint', () => {
    const answer = {
      message: '405 Method Not Allowed - POST https://registry.example/audit',
      method: 'POST',
    };
    expect(verdictOf(1, JSON.stringify(answer), 'npm error audit')).toEqual({
      passes: true,
      said: `Skipped: the registry answers no audit (${answer.message})`,
    });
    expect(verdictOf(null, '', 'npm error code ENOTFOUND')).toEqual({
      passes: true,
      said: 'Skipped: the registry answers no audit (npm error code ENOTFOUND)',
    });
  });
});
