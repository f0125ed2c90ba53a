import { asOurs, refusal } from './refusals.ts';

/** A line of what a pull or a build says. */
export type Progress = (text: string) => void;

interface ProgressLine {
  stream?: string;
  status?: string;
  id?: string;
  progress?: string;
  errorDetail?: { code?: number; message?: string };
}

/** Reads to the end, for only then is the work done. */
export async function readProgress(stream: NodeJS.ReadableStream, progress: Progress): Promise<void> {
  let rest = '';
  try {
    stream.setEncoding('utf8');
    for await (const chunk of stream) {
      const lines = (rest + String(chunk)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) readLine(line, progress);
    }
    readLine(rest, progress);
  } catch (error) {
    throw asOurs(error);
  }
}

function readLine(line: string, progress: Progress): void {
  if (line.trim() === '') return;
  const { stream, status, id, progress: bar, errorDetail } = JSON.parse(line) as ProgressLine;
  // Under a status of 200: what went wrong later.
  if (errorDetail) throw refusal(errorDetail.code ?? 500, errorDetail.message ?? 'failed');
  const said = stream ?? [id, status, bar].filter(Boolean).join(' ');
  if (said.trim() !== '') progress(said.trim());
}
