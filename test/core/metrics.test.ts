import { describe, expect, it } from 'vitest';
import { measure, measureSigned, metrics, type Meter } from '../../src/core/metrics.ts';

type Told = [name: string, value: number, labels: Record<string, string>];

/** Remembers what it is told; as strict as the SDK's. */
function strictMeter(): { meter: Meter; told: Told[] } {
  const told: Told[] = [];
  const tell = (name: string) => (value: number, labels: Record<string, string>) => {
    if (!(value >= 0)) throw new Error(`value must be non-negative (got ${value})`);
    told.push([name, value, labels]);
  };
  const meter: Meter = {
    createCounter: (name) => ({ add: tell(name) }),
    createHistogram: (name) => ({ record: tell(name) }),
    createGauge: (name) => ({ set: tell(name) }),
  };
  return { meter, told };
}

const job = { engine: 'process', how: 'created' };
const gate = { pipeline: 'small', mode: 'local', metric: 'r2', comparison: 'greaterThan' };

describe('a measurement', () => {
  it.each([NaN, Infinity, -1])('of %s is left out, for a meter that throws would hold up a run', (value) => {
    const { meter, told } = strictMeter();
    measure(meter, 'sluice_jobs_started', value, job);
    measure(meter, 'sluice_gate_value', value, gate);
    expect(told).toEqual([]);
  });

  it('below 0 is told as the difference of two', () => {
    const { meter, told } = strictMeter();
    measureSigned(meter, 'sluice_gate_value', -0.25, gate);
    measureSigned(meter, 'sluice_gate_threshold', 0.5, gate);
    expect(told.map(([name, value]) => [name, value])).toEqual([
      ['sluice_gate_value', 0],
      ['sluice_gate_value_below_zero', 0.25],
      ['sluice_gate_threshold', 0.5],
      ['sluice_gate_threshold_below_zero', 0],
    ]);
  });

  it('counts whole numbers, and has labels of a length that a database bears', () => {
    const { meter, told } = strictMeter();
    measure(meter, 'sluice_billable_seconds', 61.4, { pipeline: 'small', step: 'train' });
    measure(meter, 'sluice_gate_value', 1, { ...gate, metric: 'm'.repeat(5000) });
    expect(told[0]![1]).toBe(61);
    expect(told[1]![2].metric).toHaveLength(200);
  });
});

describe('the table of metrics', () => {
  it('has names and labels as Prometheus wants them, and no suffix twice', () => {
    for (const [name, { kind, labels }] of Object.entries(metrics)) {
      expect(name).toMatch(/^sluice_[a-z0-9]+(_[a-z0-9]+)*$/);
      if (kind === 'counter') expect(name).not.toMatch(/_total$/);
      for (const label of labels) expect(label).toMatch(/^[a-z]+$/);
    }
  });
});
