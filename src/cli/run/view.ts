import { createLogUpdate } from 'log-update';
import pc from 'picocolors';
import { comparisons } from '../../core/gate.ts';
import { waitingFor } from '../../core/instance-slots.ts';
import { billing, remoteStatus } from '../../core/remote-job.ts';
import type { RunReport, StepReport } from '../../core/run.ts';
import { alignColumns, printable, type Tell } from '../output.ts';
import { kindOf, type Phases } from './phases.ts';

/** Shows the state of a run while it goes on. */
export interface View {
  show: (report: RunReport, phases: Phases) => void;
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
    show(report, phases) {
      for (const step of report.steps) {
        if (step.status === 'pending' || step.status === 'skipped') continue;
        const phase = lengthy(step, phases);
        const state = `${step.status} ${kindOf(phase)}`;
        if (seen.get(step.name) === state) continue;
        seen.set(step.name, state);
        write(plainLine(step, report, phase));
      }
      const before = phases.get('prepare') ?? '';
      if (seen.get('prepare') === kindOf(before) || before === '') return;
      seen.set('prepare', kindOf(before));
      write(`prepare: ${before}`);
    },
    tell: write,
    close: () => undefined,
  };
}

/** Phases of every job, and over soon: the state of the step says as much. */
const usual = new Set(['starting', 'preparing', 'running']);

/** What a log should tell of a step besides its state; empty for most. */
function lengthy({ name, status, waitsFor }: StepReport, phases: Phases): string {
  if (status === 'waiting') return waitsFor ? waitingFor(waitsFor) : '';
  const phase = phases.get(name) ?? '';
  return status !== 'running' || usual.has(phase) ? '' : phase;
}

function plainLine(step: StepReport, report: RunReport, phase: string): string {
  const engine = step.engine === null ? '' : ` (${step.engine}, ${step.jobName ?? ''})`;
  const took = step.seconds === null ? engine : ` in ${step.seconds.toFixed(1)} s`;
  const gate = step.name === 'condition' && step.status === 'succeeded' ? `: ${gateLine(report)}` : '';
  const what = phase && (step.status === 'waiting' ? ` ${phase}` : `: ${phase}`);
  return `${step.name}: ${step.status}${took}${gate}${what}`;
}

function liveView(stream: NodeJS.WriteStream): View {
  const update = createLogUpdate(stream);
  let latest: { report: RunReport; phases: Phases } | null = null;
  const draw = () => {
    if (latest === null) return;
    const lines = tableOf(latest.report, Date.now(), latest.phases);
    update(lines.map((line) => printableLine(line, stream.columns)).join('\n'));
  };
  // Elapsed times go on between two reports.
  const ticking = setInterval(draw, 200);
  return {
    show(report, phases) {
      latest = { report, phases };
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

// The library takes any CI for a terminal, too.
const colors = process.stdout.isTTY && pc.isColorSupported ? pc : pc.createColors(false);
const marks: Record<StepReport['status'], string> = {
  pending: colors.dim('·'),
  waiting: colors.yellow('⧗'),
  running: colors.cyan('▶'),
  succeeded: colors.green('✓'),
  failed: colors.red('✗'),
  canceled: colors.yellow('■'),
  skipped: colors.dim('–'),
};

/** One line a step, with elapsed times and what is being done; then the metric against its threshold. */
export function tableOf(report: RunReport, now: number, phases: Phases): string[] {
  const rows = alignColumns(
    report.steps.map((step) => [
      step.name,
      step.status,
      step.engine ?? '',
      elapsed(step, now),
      // A name of SageMaker fills the line, and its ARN stands below the table.
      step.remote ? '' : (step.jobName ?? ''),
      lastCell(step, phases),
    ]),
  );
  const before = phases.get('prepare');
  const lines = [
    ...(before === undefined ? [] : [`${marks.running} prepare  ${before}`]),
    ...report.steps.map((step, index) => `${marks[step.status]} ${rows[index] ?? ''}`),
  ];
  return report.metric === null ? lines : [...lines, '', gateLine(report)];
}

/** What is being done; of a job of SageMaker that is over, what it cost. */
function lastCell({ name, status, remote, waitsFor }: StepReport, phases: Phases): string {
  const phase = phases.get(name);
  if (status === 'waiting' && waitsFor) return [waitingFor(waitsFor), ...(phase ? [phase] : [])].join(': ');
  if (remote && status !== 'running') return billing(remote) || remoteStatus(remote);
  return status !== 'running' || phase === undefined || phase === 'running' ? '' : phase;
}

function elapsed({ seconds, startedAt, status }: StepReport, now: number): string {
  if (seconds !== null) return `${seconds.toFixed(1)} s`;
  if (!['running', 'waiting'].includes(status) || startedAt === null) return '';
  return `${Math.max(0, (now - Date.parse(startedAt)) / 1000).toFixed(0)} s`;
}

export function gateLine({ metric }: RunReport): string {
  if (metric === null) return '';
  const { name, value, comparison, threshold } = metric;
  return `${name} = ${value ?? '?'} (accepted if ${comparisons[comparison].symbol} ${threshold})`;
}

const ours = new Set(Object.values(marks));

/** The marks are ours and coloured; everything else comes from users. Cut, so that it is one line on the screen, too. */
export function printableLine(line: string, width: number): string {
  const [first = '', ...rest] = line.split(' ');
  if (!ours.has(first)) return cut(printable(line), width);
  return `${first} ${cut(printable(rest.join(' ')), width - 2)}`;
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}
