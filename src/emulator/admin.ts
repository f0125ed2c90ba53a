import { z } from 'zod';
import type { Emulator } from './emulator.ts';
import { faultSchema, limitSchema } from './faults.ts';
import { isOver, statusOf } from './job.ts';
import { scriptSchema } from './script.ts';

/** Where the emulator itself is asked and changed; AWS has nothing there. */
export const adminPrefix = '/_emulator/';

export interface AdminAnswer {
  status: number;
  body: unknown;
}

const clockChange = z.strictObject({
  advanceSeconds: z.number().min(0).optional(),
  speed: z.number().min(0).optional(),
});
const jobChange = z.strictObject({
  /** A pattern of names. */
  job: z.string(),
  action: z.enum(['interrupt', 'stop', 'vanish']),
});

type Route = (emulator: Emulator, body: unknown, query: URLSearchParams) => unknown;

const clockOf = ({ clock }: Emulator) => ({ time: new Date(clock.now()).toISOString(), speed: clock.speed });

const routes: Record<string, Route> = {
  'GET clock': clockOf,
  'POST clock': (emulator, body) => {
    const { advanceSeconds, speed } = clockChange.parse(body);
    if (speed !== undefined) emulator.clock.setSpeed(speed);
    if (advanceSeconds !== undefined) emulator.clock.advance(advanceSeconds * 1000);
    return clockOf(emulator);
  },
  'GET ledger': ({ ledger }, _body, query) => ledger.since(Number(query.get('since') ?? 0)),
  'GET jobs': (emulator) =>
    emulator.find('*').map(({ kind, name, arn, region, view }) => ({
      kind,
      name,
      arn,
      region,
      status: statusOf(view.phase),
      secondaryStatus: view.phase,
      failureReason: view.failureReason,
    })),
  'POST jobs': (emulator, body) => {
    const { job: pattern, action } = jobChange.parse(body);
    return emulator
      .find(pattern)
      .filter((job) => {
        if (action === 'interrupt') return emulator.executor.interrupt(job);
        if (action === 'vanish') emulator.forget(job);
        else if (isOver(job.view.phase) || job.view.phase === 'Stopping') return false;
        else {
          emulator.reportOf(job)('Stopping');
          emulator.executor.stop(job);
        }
        return true;
      })
      .map(({ name }) => name);
  },
  'GET faults': ({ faults }) => faults.list,
  'POST faults': ({ faults }, body) => {
    for (const fault of z.array(faultSchema).parse(Array.isArray(body) ? body : [body])) faults.add(fault);
    return faults.list;
  },
  'DELETE faults': ({ faults }) => {
    faults.clear();
    return [];
  },
  'PUT limits': ({ faults }, body) => {
    const limits = z.array(limitSchema).parse(body);
    faults.setLimits(limits);
    return limits;
  },
  'PUT script': (emulator, body) => {
    const script = scriptSchema.parse(body);
    emulator.setScript(script);
    return script;
  },
};

/** Answers a request below {@link adminPrefix}; whatever changes the emulator is written into the ledger. */
export function administer(emulator: Emulator, method: string, url: URL, text: string): AdminAnswer {
  emulator.clock.settle();
  const action = `${method} ${url.pathname.slice(adminPrefix.length)}`;
  const route = Object.hasOwn(routes, action) ? routes[action] : undefined;
  if (route === undefined)
    return {
      status: 404,
      body: { error: `There is no ${action}; there are ${Object.keys(routes).join(', ')}` },
    };
  let body: unknown = null;
  try {
    if (text !== '') body = JSON.parse(text);
    if (method !== 'GET') emulator.ledger.write({ event: 'admin', action, detail: body });
    return { status: 200, body: route(emulator, body, url.searchParams) };
  } catch (error) {
    if (error instanceof z.ZodError) return { status: 400, body: { error: z.prettifyError(error) } };
    if (error instanceof SyntaxError) return { status: 400, body: { error: error.message } };
    throw error;
  }
}
