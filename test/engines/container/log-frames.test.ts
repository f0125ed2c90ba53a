import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectRoot } from './jobs.ts';
import { python } from '../process/fixtures.ts';

const supervisor = join(projectRoot, 'src/engines/container/supervisor');

type Line = [stream: 'OUT' | 'ERR', second: number, text: string];

/** The log when the stream broke after the first lines and the engine was asked for the rest. */
function logOf(first: Line[], more: Line[]): string {
  const program = `
import json, struct, sys
sys.path[:0] = [${JSON.stringify(supervisor)}]
from logs import _Writer
class Log:
    data = b''
    def write(self, data): self.data += data
log = Log()
writer = _Writer(b'', log)
first, more = json.loads(sys.argv[1]), json.loads(sys.argv[2])
def frames(lines):
    bodies = [(1 if stream == 'OUT' else 2, ('2026-01-01T00:00:%012.9fZ %s\\n' % (second, text)).encode()) for stream, second, text in lines]
    return b''.join(struct.pack('>BxxxL', stream, len(body)) + body for stream, body in bodies)
writer.write_frames(frames(first))
since = float(writer.resume()) - 1767225600
writer.write_frames(frames([line for line in first + more if line[1] >= since]))
writer.close()
print(log.data.decode(), end='')`;
  const args = ['-I', '-S', '-B', '-c', program, JSON.stringify(first), JSON.stringify(more)];
  return execFileSync(python, args, { encoding: 'utf8' }).trim().replaceAll('\n', ' ');
}

describe('the log of a container whose stream broke', () => {
  it.each<[string, Line[], Line[], string]>([
    [
      'has every line once, the parts of a long one sharing their time',
      [
        ['OUT', 5, 'a'],
        ['OUT', 6, 'b'],
        ['OUT', 6, 'c'],
      ],
      [
        ['OUT', 6, 'd'],
        ['OUT', 7, 'e'],
      ],
      'a b c d e',
    ],
    [
      'has them once when what came last is not the latest, for two streams overtake each other',
      [
        ['OUT', 5, 'a'],
        ['OUT', 6, 'b'],
        ['OUT', 7, 'c'],
        ['ERR', 5.5, 'late'],
      ],
      [
        ['OUT', 8, 'd'],
        ['ERR', 7.5, 'later'],
      ],
      'a b c late d later',
    ],
    [
      'has the first words of the other stream, though they are a little older',
      [
        ['OUT', 5, 'a'],
        ['OUT', 6, 'b'],
      ],
      [['ERR', 5.9, 'first']],
      'a b first',
    ],
    [
      'goes on after a clock was set back',
      [
        ['OUT', 9, 'a'],
        ['OUT', 3, 'b'],
      ],
      [['OUT', 4, 'c']],
      'a b c',
    ],
  ])('%s', (_what, first, more, log) => {
    expect(logOf(first, more)).toBe(log);
  });
});
