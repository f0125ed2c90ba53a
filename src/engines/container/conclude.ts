import { appendFile, readFile } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { SluiceError } from '../../core/errors.ts';
import type { JobRequest } from '../../core/jobs.ts';
import { writeOnce, writeWhole } from '../local/durable.ts';
import type { ExitRecord } from '../local/exit-record.ts';
import {
  exists,
  hasErrorCode,
  readStartedAt,
  readUnlessMissing,
  type JobFolder,
} from '../local/job-folder.ts';
import { jobInputs, jobOutputs, optMl, withoutFinalSlash } from '../opt-ml.ts';
import { createAsides, placeOutput, removeAsides, type Asides } from './asides.ts';
import type { ContainerClient } from './client.ts';
import { readHead, type Reading } from './container-files.ts';
import { driverOutputs } from './group.ts';
import { decisive, exitRecord, outcomeSchema, speakers, type Outcome, type Words } from './outcome.ts';
import { makeFolders, makeOutput, type ContainerOutput } from './outputs.ts';
import { makePredictions } from './predictions.ts';
import { removeContainers } from './removal.ts';

/** The last act of a job, written before anything appears: after that it is only repeated, whoever is killed meanwhile. */
interface Ending {
  exit: ExitRecord;
  outputs: { aside: string; destination: string }[];
}

export interface Concluding {
  reach: () => Promise<ContainerClient>;
  name: string;
  job: JobRequest;
  files: JobFolder;
  localPath: (uri: string) => string;
  signal: AbortSignal;
}

/** Brings the outputs home, removes the containers, and says how the job ended. Repeating it, in several workers too, changes nothing. */
export async function conclude(work: Concluding): Promise<void> {
  const { name, files } = work;
  const endingFile = join(files.path, 'ending.json');
  let text = await readUnlessMissing(endingFile);
  const asides = createAsides(files);
  if (text === null) {
    const ending = await prepareEnding(work, asides);
    text = await writeOnce(endingFile, JSON.stringify(ending));
  }
  const { exit, outputs } = JSON.parse(text) as Ending;
  for (const { aside, destination } of outputs) await placeOutput(aside, destination);
  // Another worker that was quicker may have swept before these were made.
  await asides.remove();
  await removeAsides(files);
  // An engine that is gone for good keeps nobody waiting; what it has is for `sluice clean`, should it come back.
  if (!(await wasGivenUp(files))) await removeContainers(await work.reach(), name, dirname(files.path));
  await writeWhole(files.exit, JSON.stringify(exit));
}

async function wasGivenUp(files: JobFolder): Promise<boolean> {
  return (await readOutcome(files)).cause === 'unreachable';
}

async function prepareEnding(work: Concluding, asides: Asides): Promise<Ending> {
  const { reach, job, files } = work;
  const outcome = await readOutcome(files);
  const startedAt = (await readStartedAt(files)) ?? outcome.endedAt;
  const words = outcome.cause === null ? await readWords(await reach(), job, outcome) : noWords;
  const exit = exitRecord(outcome, startedAt, words);
  const isGood = exit.outcome === 'exited' && exit.exitCode === 0 && !exit.messageInvalid;
  if (!isGood) return { exit, outputs: [] };
  try {
    const { outputs, records } = await makeOutputs(work, await reach(), outcome, asides);
    if (!exists(files.stop)) return { exit: { ...exit, records }, outputs };
  } catch (error) {
    await asides.remove();
    if (!exists(files.stop)) return { exit: failedCommit(exit, error), outputs: [] };
  }
  // Asked to stop while its outputs were brought home: none appears.
  return { exit: { ...exit, outcome: 'stopped' }, outputs: [] };
}

async function readOutcome(files: JobFolder): Promise<Outcome> {
  return outcomeSchema.parse(JSON.parse(await readFile(join(files.path, 'outcome.json'), 'utf8')));
}

async function makeOutputs(
  work: Concluding,
  client: ContainerClient,
  outcome: Outcome,
  asides: Asides,
): Promise<{ outputs: Ending['outputs']; records: number | null }> {
  const { files, signal } = work;
  const wanted = outputsOf(work, outcome);
  for (const { destination } of wanted) {
    if (exists(destination)) {
      throw Object.assign(new Error(`the output is there already: ${destination}`), { code: 'EEXIST' });
    }
  }
  const paths = await asides.plan(wanted.map(({ destination }) => destination));
  const note = (text: string) => void appendFile(files.log, `sluice: ${text}\n`).catch(() => undefined);
  const reading = { client, note, signal };
  const planned = wanted.map((one, index) => ({ ...one, aside: paths[index] ?? '' }));
  const outputs: Ending['outputs'] = [];
  if (work.job.kind === 'Transform') {
    let records = 0;
    for (const { output, destination, aside } of planned) {
      records += await makePredictions(output, aside, reading);
      outputs.push({ aside, destination });
    }
    return { outputs, records };
  }
  const brought = await bringTogether(work.job, planned, reading);
  // One after the other: the engine keeps a container locked for the length of a stream.
  for (const { output, destination, aside } of planned) {
    if (brought.has(aside) || (await makeOutput(output, aside, reading)))
      outputs.push({ aside, destination });
  }
  return { outputs, records: null };
}

/** Outputs beside each other of a single host, where nothing lies that the job was given. @returns the asides of those that are made. */
async function bringTogether(
  job: JobRequest,
  planned: readonly { output: ContainerOutput; aside: string }[],
  reading: Reading,
): Promise<Set<string>> {
  const given = jobInputs(job).map(({ folder }) => `${optMl}/${folder}/`);
  const brought = new Set<string>();
  for (const parent of new Set(planned.map(({ output }) => posix.dirname(output.folder)))) {
    const siblings = planned.filter(
      ({ output: { kind, folder } }) => kind === 'folder' && posix.dirname(folder) === parent,
    );
    const [container, other] = siblings[0]?.output.containers ?? [];
    if (siblings.length < 2 || container === undefined || other !== undefined) continue;
    if (given.some((folder) => folder.startsWith(`${parent}/`))) continue;
    const asides = new Map(siblings.map(({ output, aside }) => [posix.basename(output.folder), aside]));
    for (const aside of await makeFolders(container, parent, asides, reading)) brought.add(aside);
  }
  return brought;
}

function outputsOf(
  { name, job, localPath }: Concluding,
  { containers }: Outcome,
): { output: ContainerOutput; destination: string }[] {
  const mains = containers.filter(({ main }) => main).map((container) => container.name);
  if (job.kind === 'Transform') {
    const destination = localPath(withoutFinalSlash(job.body.TransformOutput.S3OutputPath));
    return [{ output: { kind: 'folder', folder: driverOutputs, containers: mains }, destination }];
  }
  return jobOutputs(name, job).map(({ kind, folder, uri }) => ({
    output: { kind, folder: `${optMl}/${folder}`, containers: mains },
    destination: localPath(uri),
  }));
}

/** The outputs of a job whose storage refuses them are lost, as is the job; the engine's own trouble passes. */
function failedCommit(exit: ExitRecord, error: unknown): ExitRecord {
  if (error instanceof SluiceError && error.code === 'JobLost')
    return { ...exit, outcome: 'lost', exitCode: null, error: error.message };
  if (error instanceof SluiceError) throw error;
  const { message, code } = error as NodeJS.ErrnoException;
  if (code === undefined || code === 'ABORT_ERR') throw error;
  const denied = hasErrorCode(error, 'EACCES', 'EPERM', 'EROFS');
  return { ...exit, outcome: 'commitFailed', error: message, denied };
}

const failureCharacters = 1024;
const messageBytes = 1024;

const noWords: Words = { failure: null, message: null, messageInvalid: false };

async function readWords(client: ContainerClient, job: JobRequest, outcome: Outcome): Promise<Words> {
  const failed = speakers(outcome).filter(({ status }) => status === 'exited');
  for (const { name } of failed) {
    const failure = await readHead(client, name, `${optMl}/output/failure`, failureCharacters * 4);
    if (failure !== null)
      return { ...noWords, failure: failure.toString('utf8').slice(0, failureCharacters) };
  }
  const container = decisive(outcome);
  if (failed.length > 0 || container?.status !== 'exited') return noWords;
  const { name } = container;
  switch (job.kind) {
    case 'Processing':
      return {
        ...noWords,
        ...readMessage(await readHead(client, name, `${optMl}/output/message`, messageBytes + 4)),
      };
    case 'Training':
    case 'Transform':
      return noWords;
  }
}

/** A character that the limit cuts in two isn't the script's fault. */
function readMessage(data: Buffer | null): Pick<Words, 'message' | 'messageInvalid'> {
  if (data === null) return { message: null, messageInvalid: false };
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const shortest = data.length <= messageBytes ? messageBytes : messageBytes - 3;
  for (let end = messageBytes; end >= shortest; end -= 1) {
    try {
      return { message: decoder.decode(data.subarray(0, end)), messageInvalid: false };
    } catch {
      continue;
    }
  }
  return { message: null, messageInvalid: true };
}
