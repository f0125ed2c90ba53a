import { z } from 'zod';
import { modelBody } from './jobs.ts';

/** Where a model came from: what is needed to make it again or to doubt it. */
const lineage = z.object({
  workflowId: z.string(),
  runId: z.string(),
  executionMode: z.string(),
  parameters: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  /** URI and SHA-256 of the input data, of large data on S3 their version instead; null when it could not be hashed in time. */
  data: z
    .union([
      z.object({ uri: z.string(), sha256: z.string(), bytes: z.number() }),
      z.object({ uri: z.string(), etags: z.string(), bytes: z.number() }),
    ])
    .nullable(),
  code: z.object({ uri: z.string(), sha256: z.string() }),
  image: z.string(),
  jobs: z.record(z.string(), z.string()),
});

/** What registering a model needs. One client token makes one version. */
const modelPackageRequest = z.object({
  pipeline: z.string(),
  group: z.string(),
  approvalStatus: z.string(),
  description: z.string().optional(),
  clientToken: z.string(),
  modelName: z.string(),
  inference: modelBody.shape.PrimaryContainer,
  /** MIME types that the model takes and gives, as far as the pipeline says. */
  contentType: z.string().default('text/csv'),
  accept: z.string().default('text/csv'),
  metric: z.object({
    name: z.string(),
    value: z.number(),
    comparison: z.string(),
    threshold: z.number(),
    reportUri: z.string(),
  }),
  lineage,
  /** The user's own, of the pipeline file. */
  tags: z.record(z.string(), z.string()).default({}),
});
export type ModelPackageRequest = z.infer<typeof modelPackageRequest>;

/** SageMaker's Model Package, as far as it goes locally. Keys of a later version of Sluice are passed over. */
export const modelPackage = modelPackageRequest.extend({
  version: z.int().min(1),
  /** ISO 8601, UTC. */
  createdAt: z.string(),
});
export type ModelPackage = z.infer<typeof modelPackage>;
