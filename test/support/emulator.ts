import { clientEnv, startEmulator, type StartOptions } from '../../src/emulator/start.ts';
import type { Emulator } from '../../src/emulator/emulator.ts';
import type { FaultInput } from '../../src/emulator/faults.ts';
import type { Entry, RequestEntry, TransitionEntry } from '../../src/emulator/ledger.ts';

export interface TestEmulator {
  readonly endpoint: string;
  /** The AWS_* variables that send a client to it. */
  readonly env: Record<string, string>;
  /** Moves its clock forward; everything that falls due has happened when it returns. */
  advance(seconds: number): void;
  ledger(): readonly Entry[];
  /** Calls that were made, of operations that match. */
  requests(operation?: string): RequestEntry[];
  transitions(name?: string): TransitionEntry[];
  fault(fault: FaultInput): void;
  clearFaults(): void;
  /** Everything else. */
  readonly emulator: Emulator;
  close(): Promise<void>;
}

/**
 * An emulator in this process, on a free port. By default its clock stands still (`speed: 0`), so that a test decides when
 * something happens.
 */
export async function openEmulator(options: StartOptions = {}): Promise<TestEmulator> {
  const { endpoint, emulator, close } = await startEmulator({ speed: 0, ...options });
  const isRequest = (entry: Entry) => entry.event === 'request';
  const isTransition = (entry: Entry) => entry.event === 'transition';
  return {
    endpoint,
    env: clientEnv(endpoint),
    advance: (seconds) => emulator.clock.advance(seconds * 1000),
    ledger: () => emulator.ledger.since(),
    requests: (operation) =>
      emulator.ledger
        .since()
        .filter(isRequest)
        .filter((entry) => operation === undefined || entry.operation === operation),
    transitions: (name) =>
      emulator.ledger
        .since()
        .filter(isTransition)
        .filter((entry) => name === undefined || entry.name === name),
    fault: (fault) => emulator.faults.add(fault),
    clearFaults: () => emulator.faults.clear(),
    emulator,
    close,
  };
}
