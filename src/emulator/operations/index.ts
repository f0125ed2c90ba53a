import { jobKinds } from '../arn.ts';
import type { Handler } from './call.ts';
import { groupOperations } from './groups.ts';
import { jobOperations } from './jobs.ts';
import { modelOperations } from './models.ts';
import { packageOperations } from './packages.ts';
import { addTags, deleteTags, listTags } from './tags.ts';

/** Every operation that the emulator answers; the service model has the same ones. */
export const operations: Readonly<Record<string, Handler>> = {
  ...Object.fromEntries(jobKinds.flatMap((kind) => Object.entries(jobOperations(kind)))),
  ...modelOperations,
  ...groupOperations,
  ...packageOperations,
  AddTags: addTags,
  DeleteTags: deleteTags,
  ListTags: listTags,
};

/** What an operation is about, for the ledger and for faults. */
export function nameIn(operation: string, input: unknown): string | null {
  if (typeof input !== 'object' || input === null) return null;
  const body = input as Record<string, unknown>;
  const members = [
    'ProcessingJobName',
    'TrainingJobName',
    'TransformJobName',
    'ModelPackageArn',
    'ModelPackageName',
  ];
  for (const member of [...members, 'ModelPackageGroupName', 'ResourceArn', 'ModelName']) {
    // A transform job names its model as well.
    if (member === 'ModelName' && operation.includes('Transform')) continue;
    const name = body[member];
    if (typeof name === 'string') return name;
  }
  return null;
}
