import { buffer } from 'node:stream/consumers';
import { SluiceError } from '../../core/errors.ts';
import { hostNames } from '../opt-ml.ts';
import { readHead, type Found, type Place, type Reading } from './container-files.ts';
import { resultName } from './group.ts';
import { makeOutput } from './outputs.ts';

/** Where drivers left it that an earlier version started. */
const formerResult = '/sluice/result.json';
const mostBytes = 64 * 1024 * 1024;

/**
 * Brings the predictions of all hosts to `aside`, as {@link makeOutput} does.
 * @returns how many records they are of.
 * @throws SluiceError `JobLost` if a driver that ended well did not say how many: unknown is not none.
 */
export async function makePredictions(place: Place, aside: string, reading: Reading): Promise<number> {
  const names = hostNames(place.containers.length).map(resultName);
  const results = new Map<string, Buffer>();
  const takeOut = async ({ name, content }: Found) => {
    if (content === null || !names.includes(name)) return false;
    results.set(name, await buffer(content));
    return true;
  };
  await makeOutput({ ...place, kind: 'folder', takeOut }, aside, reading);
  let records = 0;
  for (const [index, container] of place.containers.entries()) {
    const result =
      results.get(names[index] ?? '') ?? (await readHead(reading.client, container, formerResult, mostBytes));
    if (result === null) throw new SluiceError('JobLost', `the driver in ${container} left no result`);
    records += (JSON.parse(result.toString('utf8')) as { records: number }).records;
  }
  return records;
}
