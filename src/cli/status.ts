import { readConfig } from '../config.ts';
import { print, printJson } from './output.ts';
import { closingLines } from './run/closing.ts';
import { findRun, lookAtHistory, reportOf } from './run/lookup.ts';
import { readNews, type News } from './run/phases.ts';
import { jsonOf } from './run/report.ts';
import { tableOf } from './run/view.ts';
import { runPage } from './server/session.ts';

/** What a run has come to, open or closed. */
export async function statusCommand(workflowId: string, options: { json?: true }): Promise<number> {
  const line = await lookAtHistory(readConfig(), workflowId);
  try {
    const run = await findRun(line, workflowId);
    const told = await reportOf(line, run);
    const { report, phases } = await readNews(line.session.client, run, told).catch((): News => ({
      report: told,
      phases: new Map(),
    }));
    if (options.json) printJson(jsonOf(run, report));
    else {
      const page = runPage(line.session.server, run.workflowId, run.runId);
      const title = `${workflowId}: pipeline ${report.pipeline ?? '?'}, mode ${report.executionMode ?? '?'}`;
      print(
        [title, '', ...tableOf(report, Date.now(), phases), '', ...closingLines(report, page)].join('\n'),
      );
    }
    return 0;
  } finally {
    line.hangUp();
  }
}
