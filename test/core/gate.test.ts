import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { comparisons, decide, describeRule, type Comparison, type Rule } from '../../src/core/gate.ts';
import { maxReportBytes, readMetric } from '../../src/core/report.ts';

const names = Object.keys(comparisons) as Comparison[];
const rule = (comparison: Comparison, threshold: unknown): Rule => ({
  metric: 'metrics.mse',
  comparison,
  threshold: threshold as number,
});
const judge = (text: string, { metric, ...rest }: Rule) =>
  decide(readMetric(text, metric), { metric, ...rest });

/** What a report says, and why nothing is decided by it. */
const undecidable: [string, string, string][] = [
  ['NaN', '{"metrics":{"mse":NaN}}', 'the report cannot be read: it is not JSON'],
  ['Infinity', '{"metrics":{"mse":Infinity}}', 'the report cannot be read: it is not JSON'],
  ['-Infinity', '{"metrics":{"mse":-Infinity}}', 'the report cannot be read: it is not JSON'],
  ['a number too large', '{"metrics":{"mse":1e999}}', 'metrics.mse is Infinity, not a finite number'],
  ['a number too small', '{"metrics":{"mse":-1e999}}', 'metrics.mse is -Infinity, not a finite number'],
  ['a text', '{"metrics":{"mse":"4.5"}}', 'metrics.mse is "4.5", not a finite number'],
  ['the text NaN', '{"metrics":{"mse":"NaN"}}', 'metrics.mse is "NaN", not a finite number'],
  ['null', '{"metrics":{"mse":null}}', 'metrics.mse is null, not a finite number'],
  ['true', '{"metrics":{"mse":true}}', 'metrics.mse is true, not a finite number'],
  ['false', '{"metrics":{"mse":false}}', 'metrics.mse is false, not a finite number'],
  ['a list', '{"metrics":{"mse":[4.5]}}', 'metrics.mse is [4.5], not a finite number'],
  ['an object', '{"metrics":{"mse":{"value":4.5}}}', 'metrics.mse is {"value":4.5}, not a finite number'],
  ['another name', '{"metrics":{"rmse":4.5}}', '"metrics" has no "mse" (it has: ["rmse"])'],
  ['another case', '{"metrics":{"MSE":4.5}}', '"metrics" has no "mse"'],
  ['another group', '{"regression":{"mse":4.5}}', 'the report has no "metrics" (it has: ["regression"])'],
  ['the dotted name as one key', '{"metrics.mse":4.5}', 'the report has no "metrics"'],
  ['a number where the group is', '{"metrics":4.5}', '"metrics" has no "mse"'],
  ['a list where the group is', '{"metrics":[{"mse":4.5}]}', '"metrics" has no "mse"'],
  ['a list', '[{"metrics":{"mse":4.5}}]', 'the report has no "metrics"'],
  ['a number alone', '4.5', 'the report has no "metrics"'],
  ['null alone', 'null', 'the report has no "metrics"'],
  ['the metric twice', '{"metrics":{"mse":4.5,"mse":9}}', 'it has the key "mse" twice in one object'],
  ['the metric twice, equal', '{"metrics":{"mse":4.5,"mse":4.5}}', 'the key "mse" twice'],
  ['the metric twice, escaped', '{"metrics":{"mse":4.5,"\\u006dse":9}}', 'the key "mse" twice'],
  ['the group twice', '{"metrics":{"mse":4.5},"metrics":{}}', 'the key "metrics" twice'],
  ['another key twice', '{"metrics":{"mse":4.5},"x":{"y":1,"y":2}}', 'the key "y" twice'],
  ['a byte order mark', '\uFEFF{"metrics":{"mse":4.5}}', 'it starts with a byte order mark'],
  ['nothing', '', 'it is not JSON'],
  ['white space', ' \n', 'it is not JSON'],
  ['half a report', '{"metrics":{"mse":4.5}', 'it is not JSON'],
  ['more than a report', '{"metrics":{"mse":4.5}}x', 'it is not JSON'],
  ['a comma too many', '{"metrics":{"mse":4.5,}}', 'it is not JSON'],
  ['single quotes', "{'metrics':{'mse':4.5}}", 'it is not JSON'],
  ['a hexadecimal number', '{"metrics":{"mse":0x4}}', 'it is not JSON'],
  ['nesting without end', '{"metrics":'.repeat(5000) + '1' + '}'.repeat(5000), 'the report cannot be read'],
];

describe('readMetric', () => {
  it.each<[string, string, number]>([
    ['a number', '{"metrics":{"mse":4.5}}', 4.5],
    ['a whole number', '{"metrics":{"mse":7}}', 7],
    ['a negative number', '{"metrics":{"mse":-0.5}}', -0.5],
    ['zero', '{"metrics":{"mse":0}}', 0],
    ['an exponent', '{"metrics":{"mse":4.5E-1}}', 0.45],
    ['the largest number', '{"metrics":{"mse":1.7976931348623157e308}}', Number.MAX_VALUE],
    ['a number among others', ' {"a":[{"mse":1}],"metrics":{"b":"mse","mse":4.5}}\n', 4.5],
  ])('reads %s', (_what, text, value) => {
    expect(readMetric(text, 'metrics.mse')).toEqual({ kind: 'value', value });
  });

  it('reads a metric at the top and one far below', () => {
    expect(readMetric('{"mse":1}', 'mse')).toEqual({ kind: 'value', value: 1 });
    expect(readMetric('{"a":{"b":{"c":{"d":2}}}}', 'a.b.c.d')).toEqual({ kind: 'value', value: 2 });
  });

  it.each(['__proto__.x', 'constructor.length', 'toString.length', 'a.length', 'a.0'])(
    'finds nothing that the report does not say: %s',
    (metric) => {
      expect(readMetric('{"a":["x"]}', metric)).toMatchObject({ kind: 'unreadable' });
    },
  );

  it('answers for a report of the largest size', () => {
    const filler = 'x'.repeat(maxReportBytes - 40);
    const text = `{"filler":"${filler}","metrics":{"mse":4.5}}`;
    expect(readMetric(text, 'metrics.mse')).toEqual({ kind: 'value', value: 4.5 });
    const keys = Array.from({ length: 60_000 }, (_, index) => `"k${index}":${index}`).join(',');
    expect(readMetric(`{${keys}}`, 'metrics.mse')).toMatchObject({ kind: 'unreadable' });
  });

  it('keeps what the report says short and without control characters in the reason', () => {
    const hostile = JSON.stringify({ metrics: { mse: `\u001b[2J\u202e${'x'.repeat(100_000)}` } });
    const reading = readMetric(hostile, 'metrics.mse');
    if (reading.kind !== 'unreadable') throw new Error('a text was read as a number');
    expect(reading.reason.length).toBeLessThan(400);
    expect(reading.reason).not.toMatch(/[\p{Cc}\u202e]/u);
  });
});

describe('the gate', () => {
  it.each(undecidable)('decides nothing when the report says %s', (_what, text, reason) => {
    for (const comparison of names) {
      const decision = judge(text, rule(comparison, 7));
      expect(decision).toEqual({ kind: 'undecidable', reason: expect.stringContaining(reason) });
    }
  });

  it.each<[Comparison, number, number, number]>([
    ['lessThan', 6.999, 7, 7.001],
    ['lessThanOrEqualTo', 6.999, 7, 7.001],
    ['greaterThan', 7.001, 7, 6.999],
    ['greaterThanOrEqualTo', 7.001, 7, 6.999],
  ])('accepts by %s what is on the right side only', (comparison, good, equal, bad) => {
    const kindOf = (value: number) => judge(`{"metrics":{"mse":${value}}}`, rule(comparison, 7)).kind;
    expect([kindOf(good), kindOf(equal), kindOf(bad)]).toEqual([
      'accepted',
      comparison.endsWith('OrEqualTo') ? 'accepted' : 'rejected',
      'rejected',
    ]);
  });

  it.each([NaN, Infinity, -Infinity, '7', null, undefined, true, [7], {}])(
    'decides nothing by the threshold %j',
    (threshold) => {
      for (const comparison of names) {
        const decision = decide({ kind: 'value', value: 4.5 }, rule(comparison, threshold));
        expect(decision).toMatchObject({
          kind: 'undecidable',
          reason: expect.stringContaining('the threshold is') as string,
        });
      }
    },
  );

  it.each([NaN, Infinity, -Infinity, '4.5', null, undefined, true, [4.5]])(
    'decides nothing by the value %j, wherever it comes from',
    (value) => {
      for (const comparison of names) {
        const decision = decide({ kind: 'value', value: value as number }, rule(comparison, 7));
        expect(decision.kind).toBe('undecidable');
      }
    },
  );

  it('accepts finite numbers exactly when the comparison holds', () => {
    const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
    const holds = {
      lessThan: (a: number, b: number) => a < b,
      lessThanOrEqualTo: (a: number, b: number) => a <= b,
      greaterThan: (a: number, b: number) => a > b,
      greaterThanOrEqualTo: (a: number, b: number) => a >= b,
    };
    fc.assert(
      fc.property(
        finite,
        finite,
        fc.boolean(),
        fc.constantFrom(...names),
        (value, other, same, comparison) => {
          const threshold = same ? value : other;
          const expected = holds[comparison](value, threshold) ? 'accepted' : 'rejected';
          const text = JSON.stringify({ metrics: { mse: value } });
          expect(judge(text, rule(comparison, threshold)).kind).toBe(expected);
        },
      ),
    );
  });

  it('never accepts anything but a finite number under a finite threshold', () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), fc.constantFrom(...names), (value, threshold, comparison) => {
        const decision = decide({ kind: 'value', value: value as number }, rule(comparison, threshold));
        const isDecided = Number.isFinite(value) && Number.isFinite(threshold);
        expect(decision.kind === 'undecidable').toBe(!isDecided);
      }),
    );
  });

  it('never accepts a report whose metric is any other JSON value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(...names), (value, comparison) => {
        const decision = judge(JSON.stringify({ metrics: { mse: value } }), rule(comparison, 7));
        expect(decision.kind !== 'undecidable').toBe(typeof value === 'number');
      }),
    );
  });

  it('answers any text whatever, and never accepts what is no JSON', () => {
    const broken = fc.tuple(fc.jsonValue(), fc.nat(), fc.string()).map(([value, at, text]) => {
      const json = JSON.stringify({ metrics: { mse: value } });
      const cut = at % json.length;
      return json.slice(0, cut) + text + json.slice(cut + 1);
    });
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'binary' }), broken),
        fc.constantFrom(...names),
        (text, comparison) => {
          const decision = judge(text, rule(comparison, 7));
          if (decision.kind !== 'undecidable') expect(() => JSON.parse(text)).not.toThrow();
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('describeRule', () => {
  it('says what was compared with what', () => {
    expect(names.map((comparison) => describeRule(rule(comparison, 7), 4.5))).toEqual([
      'metrics.mse 4.5 < 7',
      'metrics.mse 4.5 ≤ 7',
      'metrics.mse 4.5 > 7',
      'metrics.mse 4.5 ≥ 7',
    ]);
    expect(describeRule(rule('lessThan', 0))).toBe('metrics.mse < 0');
  });
});
