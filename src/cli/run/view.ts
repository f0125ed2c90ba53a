import { createLogUpdate } from 'log-update';
import pc from 'picocolors';
import { comparisons } from '../../core/gate.ts';
import type { RunReport, StepReport } from '../../core/run.ts';
import { alignColumns, printable, type Tell } from '../output.ts';

/** Shows the state of a run while it goes on. */
export interface View {
  show: (report: RunReport) => void;
  /** Says something between two states. */
  tell: Tell;
  /** Leaves the last state on the screen. */
  close: () => void;
}

/** On a terminal a table that lives, else a plain line for each change. */
export function openView(stream: NodeJS.WriteStream): View {
  // A terminal that doesn't tell its size (a container's, some CI's) would show nothing of the table.
  const hasRoom = stream.isTTY && stream.columns > 0 && stream.rows > 0;
  return hasRoom ? liveView(stream) : plainView((line) => void stream.write(`${printable(line)}\n`));
}

export function plainView(write: (line: string) => void): View {
  const seen = new Map<string, string>();
  return {
    show(report) {
      for (const step of report.steps) {
        if (step.status === 'pending' || step.status === 'skipped' || seen.get(step.name) === step.status)
          continue;
        seen.set(step.name, step.status);
        write(plainLine(step, report));
      }
    },
    tell: write,
    close: () => undefined,
  };
}

function plainLine(step: StepReport, report: RunReport): string {
  const engine = step.engine === null ? '' : ` (${step.engine}, ${step.jobName ?? ''})`;
  const took = step.seconds === null ? engine : ` in ${step.seconds.toFixed(1)} s`;
  const gate = step.name === 'condition' && step.status === 'succeeded' ? `: ${gateLine(report)}` : '';
  return `${step.name}: ${step.status}${took}${gate}`;
}

function liveView(stream: NodeJS.WriteStream): View {
  const update = createLogUpdate(stream);
  let report: RunReport | null = null;
  const draw = () => {
    if (report !== null) update(tableOf(report, Date.now()).map(printableLine).join('\n'));
  };
  // Elapsed times go on between two reports.
  const ticking = setInterval(draw, 200);
  return {
    show(next) {
      report = next;
      draw();
    },
    tell(text) {
      update.clear();
      stream.write(`${printable(text)}\n`);
      draw();
    },
    close() {
      clearInterval(ticking);
      draw();
      update.done();
    },
  };
}

const marks: Record<StepReport['status'], string> = {
  pending: pc.dim('·'),
  running: pc.cyan('▶'),
  succeeded: pc.green('✓'),
  failed: pc.red('✗'),
  canceled: pc.yellow('■'),
  skipped: pc.dim('–'),
};

/** One line a step, with elapsed times; then the metric against its threshold. */
export function tableOf(report: RunReport, now: number): string[] {
  const rows = alignColumns(
    report.steps.map((step) => [
      step.name,
      step.status,
      step.engine ?? '',
      elapsed(step, now),
      step.jobName ?? '',
    ]),
  );
  const lines = report.steps.map((step, index) => `${marks[step.status]} ${rows[index] ?? ''}`);
  return report.metric === null ? lines : [...lines, '', gateLine(report)];
}

function elapsed({ seconds, startedAt, status }: StepReport, now: number): string {
  if (seconds !== null) return `${seconds.toFixed(1)} s`;
  if (status !== 'running' || startedAt === null) return '';
  return `${Math.max(0, (now - Date.parse(startedAt)) / 1000).toFixed(0)} s`;
}

export function gateLine({ metric }: RunReport): string {
  if (metric === null) return '';
  const { name, value, comparison, threshold } = metric;
  return `${name} = ${value ?? '?'} (accepted if ${comparisons[comparison].symbol} ${threshold})`;
}

/** The marks are ours and coloured; everything else comes from users. */
function printableLine(line: string): string {
  const [mark = '', ...rest] = line.split(' ');
  return [mark, printable(rest.join(' '))].join(' ');
}
