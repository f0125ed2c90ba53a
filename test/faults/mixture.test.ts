import { describe, expect, it } from 'vitest';
import type { RequestEntry } from '../../src/emulator/ledger.ts';
import { missingIn } from './mixture.ts';

const request = (faults: string[]) => ({ event: 'request', faults }) as unknown as RequestEntry;
const mixed = {
  kills: 4,
  counts: { killed: 1, terminated: 1, paused: 0, storms: 0 },
  faults: [{ fault: 'throttle' as const }, { fault: 'throttle' as const }, { fault: 'vanish' as const }],
  ledger: [request([]), request(['vanish']), request(['throttle', 'slow'])],
};

describe('a plan of kills and faults', () => {
  it('was carried out if half of the kills came, and each kind of fault met a call', () => {
    expect(missingIn(mixed)).toEqual([]);
  });

  it('was not if there were fewer kills, or none by SIGKILL', () => {
    const counts = { ...mixed.counts, killed: 0 };
    expect(missingIn({ ...mixed, counts })).toEqual([
      'of 4 kills there were 1',
      'no worker was ended by SIGKILL',
    ]);
    expect(missingIn({ ...mixed, counts, kills: 0 })).toEqual([]);
  });

  it('was not if a kind of fault met no call', () => {
    expect(missingIn({ ...mixed, ledger: mixed.ledger.slice(0, 2) })).toEqual([
      'no call met the fault "throttle"',
    ]);
  });
});
