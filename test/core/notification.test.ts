import { describe, expect, it } from 'vitest';
import { defaultText, fillIn, placeholders, unknownPlaceholders } from '../../src/core/notification.ts';
import { notifyTarget } from '../../src/core/notify-targets.ts';
import { check } from '../../src/core/problems.ts';
import { notification } from '../support/notification.ts';

describe('a text with names in braces', () => {
  it('gets the facts, and nothing for those that are not there', () => {
    const template = placeholders.map((name) => `{${name}}`).join('|');
    expect(fillIn(template, { ...notification, code: null, url: null })).toBe(
      'rejected|abalone|local|abalone-7|run-1||mse is 7, which is not ≤ 6|mse|7|≤|6||',
    );
  });

  it('is filled in once: what a message has in braces stays', () => {
    expect(fillIn('{message}', { ...notification, message: '{url} {runId}' })).toBe('{url} {runId}');
  });

  it('may have braces for other things', () => {
    const text = '{"a": 1} {} { pipeline } ${pipeline}';
    expect(unknownPlaceholders(text)).toEqual([]);
    expect(fillIn(text, notification)).toBe('{"a": 1} {} { pipeline } $abalone');
  });

  it('says by itself what ended how and where to look', () => {
    expect(fillIn(defaultText(notification), notification)).toBe(
      'Sluice: pipeline abalone rejected (QualityGateRejected), run abalone-7\nmse is 7, which is not ≤ 6\n' +
        'http://ui.example/namespaces/default/workflows/abalone-7/run-1',
    );
    const accepted = { ...notification, event: 'accepted', code: null, url: null } as const;
    expect(fillIn(defaultText(accepted), accepted)).toMatch(
      /^Sluice: pipeline abalone accepted, run .*\nmse.*$/,
    );
  });
});

describe('a target of the pipeline file', () => {
  const topic = 'arn:aws:sns:eu-west-1:123456789012:ml';
  it.each([
    { webhook: 'https://hooks.example/x' },
    { webhook: { Env: 'SLACK_URL' }, on: ['accepted', 'rejected', 'failed', 'recovered'] },
    { webhook: { File: '/run/secrets/teams' }, format: 'teams' },
    { sns: topic, subject: '{pipeline} {event}' },
    { sns: `${topic}.fifo` },
    { email: ['a@example.com', 'b@example.com'], text: 'line\n{message}' },
  ])('is one of three kinds: %j', (written) => {
    expect(notifyTarget.parse(written)).toMatchObject(written);
  });

  it('is told of what went wrong, if it says nothing else', () => {
    expect(notifyTarget.parse({ sns: topic }).on).toEqual(['rejected', 'failed']);
  });

  it.each([
    [{}, 'needs exactly one of webhook, sns, email'],
    [{ webhook: 'https://h/x', sns: topic }, 'needs exactly one of webhook, sns, email'],
    [{ webhook: 'ftp://h/x' }, 'must be an http'],
    [{ webhook: { Env: 'A B' } }, 'must be the name of a variable'],
    [{ webhook: { File: 'relative' } }, 'must be an absolute path'],
    [{ webhook: { Env: 'A', File: '/b' } }, 'must be an http'],
    [{ sns: 'arn:aws:sqs:eu-west-1:123456789012:ml' }, 'must be the ARN of a topic'],
    [{ email: ['nobody'] }, 'must be an e-mail address'],
    [{ email: ['a@example.com\r\nBcc: x@example.com'] }, 'must be an e-mail address'],
    [{ email: [] }, 'must have at least 1 entry'],
    [{ sns: topic, on: [] }, 'must have at least 1 entry'],
    [{ sns: topic, on: ['canceled'] }, 'takes one of'],
    [{ sns: topic, text: '{workflow}' }, 'has a name in braces that is none of event, pipeline'],
    [{ sns: topic, text: 'a\u0000' }, 'must not contain control characters'],
    [{ sns: topic, subject: 'über' }, 'ASCII'],
    [{ sns: topic, format: 'teams' }, 'is of webhooks only'],
    [{ webhook: 'https://h/x', subject: 'x' }, 'is not of webhooks'],
  ])('is refused: %j', (written, said) => {
    const checked = check(notifyTarget, written);
    expect(checked.isValid ? [] : checked.problems.map(({ message }) => message).join()).toContain(said);
  });
});
