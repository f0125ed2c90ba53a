import { subscribe } from 'node:diagnostics_channel';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { startStack } from './stack.js';
const calls = [];
const ids = new WeakMap();
let on = false;
subscribe('http.client.request.start', ({ request }) => { ids.set(request, performance.now()); });
subscribe('http.client.response.finish', ({ request, response }) => {
  const t = performance.now(); if (!on || !String(request.socketPath ?? request.agent?.options?.socketPath ?? '').includes('docker')) { if(!on) return; }
  calls.push([ids.get(request), t, request.method + ' ' + decodeURIComponent(request.path).slice(0, 110) + ' ' + response.statusCode]);
});
const stack = await startStack({ localEngine: 'container' });
const go = () => stack.client.workflow.start('trainingPipeline', { taskQueue: stack.config.taskQueue, workflowId: `bench-${randomUUID()}`, args: [{ pipeline: 'examples/abalone/pipeline.json' }] });
for (let i = 0; i < 2; i++) await (await go()).result();
on = true;
const events = spawn('docker', ['events', '--format', '{{.TimeNano}} {{.Action}} {{.Actor.Attributes.name}}'], { stdio: ['ignore', 'pipe', 'inherit'] });
const lines = []; let buf = '';
events.stdout.on('data', (d) => { buf += d; const l = buf.split('\n'); buf = l.pop(); lines.push(...l); });
await new Promise((r) => setTimeout(r, 500));
const t0 = performance.timeOrigin + performance.now();
const h = await go(); await h.result();
const { events: hist } = await h.fetchHistory();
await new Promise((r) => setTimeout(r, 500));
events.kill(); on = false;
const rows = [];
const { readFileSync } = await import("node:fs");
for (const l of readFileSync("/tmp/suptrace","utf8").trim().split("\n")) { const [n, ...w] = l.split(" "); if (Number(n) > t0) rows.push([Number(n) - t0, `             SUP ${w.join(" ")}`]); }
for (const [a, b, w] of calls) rows.push([performance.timeOrigin + a - t0, `${(b - a).toFixed(0).padStart(4)} ms ${w}`]);
for (const l of lines) { const [n, ...w] = l.split(' '); rows.push([Number(BigInt(n) / 1000n) / 1000 - t0, `        EVENT ${w.join(' ')}`]); }
const names = {};
for (const e of hist) {
  const t = Number(e.eventTime.seconds) * 1000 + e.eventTime.nanos / 1e6 - t0;
  const k = Object.keys(e).find((x) => x.endsWith('EventAttributes') && e[x]);
  const a = e.activityTaskScheduledEventAttributes; if (a) names[String(e.eventId)] = a.activityId;
  const id = a ? a.activityId : e.activityTaskCompletedEventAttributes ? names[String(e.activityTaskCompletedEventAttributes.scheduledEventId)] : '';
  if (k && !k.startsWith('workflowTask')) rows.push([t, `                          HIST ${k.replace('EventAttributes', '')} ${id}`]);
}
rows.sort((a, b) => a[0] - b[0]);
for (const [t, w] of rows) console.log(t.toFixed(0).padStart(6), w.replace(/abalone-[0-9a-f-]{20,}/g, 'J'));
await stack.close(); process.exit(0);
