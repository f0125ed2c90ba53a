import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { observing, queries } from '../deploy/observing.ts';
import { freePorts } from '../support/ports.ts';
import { describePart, findProgram, missingPrograms } from '../support/real-parts.ts';
import { uniqueSeconds } from '../support/shell-jobs.ts';
import { openTrainingStage, type TrainingStage } from '../support/training-stage.ts';
import { until } from '../support/until.ts';

interface Alert {
  state: string;
  labels: Record<string, string>;
}

const describePrometheus = describePart(
  'Prometheus',
  'SLUICE_REQUIRE_PROMTOOL',
  missingPrograms('prometheus'),
);

describePrometheus('Prometheus, set up as deploy/observing says,', () => {
  let stage: TrainingStage;
  let prometheus: ChildProcess;
  let url: string;
  beforeAll(async () => {
    stage = await openTrainingStage('prometheus');
    const [metrics, port] = (await freePorts(2)) as [number, number];
    await stage.startWorker({ SLUICE_METRICS_PORT: `${metrics}` });
    const config = (await readFile(join(observing, 'prometheus.yml'), 'utf8'))
      .replaceAll(/: 15s$/gm, ': 1s')
      .replace('localhost:9464', `127.0.0.1:${metrics}`)
      .replace('rules.yml', join(observing, 'rules.yml'));
    const file = join(stage.folder, 'prometheus.yml');
    await writeFile(file, config);
    url = `http://127.0.0.1:${port}`;
    const storage = ['--storage.tsdb.path', join(stage.folder, 'prometheus')];
    const listen = ['--web.listen-address', `127.0.0.1:${port}`];
    const args = ['--config.file', file, ...storage, ...listen];
    prometheus = spawn(findProgram('prometheus')!, args, { stdio: 'ignore' });
    await until(async () => (await fetch(`${url}/-/ready`).catch(() => null))?.status === 200);
  });
  afterAll(async () => {
    const ended = once(prometheus, 'exit');
    prometheus.kill();
    await ended;
    await stage.close();
  });

  const api = async <T>(path: string): Promise<T> => {
    const answer = (await (await fetch(`${url}/api/v1/${path}`)).json()) as { status: string; data: T };
    expect(answer).toMatchObject({ status: 'success' });
    return answer.data;
  };
  const query = async (expr: string) =>
    (await api<{ result: { value: [number, string] }[] }>(`query?query=${encodeURIComponent(expr)}`)).result;
  const firing = async () =>
    (await api<{ alerts: Alert[] }>('alerts')).alerts
      .filter(({ state }) => state === 'firing')
      .map(({ labels }) => `${labels.alertname} ${labels.pipeline} ${labels.code}`);

  it('has the data that the dashboard shows, and tells of a run that failed', async () => {
    await stage.expectAccepted(await stage.startTraining('held', 600));
    await expect((await stage.start('failing', uniqueSeconds(600))).result()).rejects.toThrow();
    await until(async () => (await firing()).length > 0);
    expect(await firing()).toEqual(['SluiceRunFailed small JobFailed']);

    // What nothing has happened of has no data: notifications, AWS, trouble.
    const empty = [
      'Notifications',
      'Wait for capped',
      'Trouble',
      'Workflow tasks that fail',
      'Calls',
      'Throttled',
      'Seconds of a call',
    ];
    const absent = [...empty, 'Billed training', 'Saved by spot'];
    for (const { title, expr } of queries.filter(
      (one) => !absent.some((start) => one.title.startsWith(start)),
    ))
      // A rate needs two looks of Prometheus at what it is the rate of.
      await until(async () => (await query(expr)).length > 0).catch(() => {
        throw new Error(`no data of ${title}: ${expr}`);
      });
    const gate = queries.filter(({ title }) => title === 'The metric at the gate');
    const values = await Promise.all(gate.map(async ({ expr }) => (await query(expr))[0]?.value[1]));
    expect(values).toEqual(['6', '7']);
  });
});
