import type { ModelBody } from './jobs.ts';

/** Where a model came from: what is needed to make it again or to doubt it. */
export interface Lineage {
  workflowId: string;
  runId: string;
  executionMode: string;
  parameters: Record<string, string | number | boolean>;
  /** URI and SHA-256 of the input data; null when it could not be hashed in time. */
  data: { uri: string; sha256: string; bytes: number } | null;
  code: { uri: string; sha256: string };
  image: string;
  jobs: Record<string, string>;
}

/** What registering a model needs. One client token makes one version. */
export interface ModelPackageRequest {
  pipeline: string;
  group: string;
  approvalStatus: string;
  description?: string | undefined;
  clientToken: string;
  modelName: string;
  inference: ModelBody['PrimaryContainer'];
  metric: { name: string; value: number; comparison: string; threshold: number; reportUri: string };
  lineage: Lineage;
}

/** SageMaker's Model Package, as far as it goes locally. */
export interface ModelPackage extends ModelPackageRequest {
  version: number;
  /** ISO 8601, UTC. */
  createdAt: string;
}
