import { createHash } from 'node:crypto';
import type { ModelPackageRequest } from '../core/registry.ts';
import { tagListOf, toTagValue } from '../core/tags.ts';

/** Of AWS's service model (CreateModelPackage): so many pairs, and so long a value. */
const maxPairs = 50;
const maxValue = 256;

/** `CreateModelPackageGroup`. Versions of a group have no tags of their own. */
export function groupRequest({ group, pipeline, tags }: ModelPackageRequest) {
  return {
    ModelPackageGroupName: group,
    ModelPackageGroupDescription: `Models of the pipeline ${pipeline}`,
    Tags: tagListOf({ 'sluice:pipeline': pipeline, ...tags }),
  };
}

/** `CreateModelPackage`: the same for every attempt of a run, since the client token goes with one request only. */
export function packageRequest(request: ModelPackageRequest) {
  const { group, approvalStatus, description, clientToken, inference, contentType, accept, metric } = request;
  return {
    ModelPackageGroupName: group,
    ...(description !== undefined && { ModelPackageDescription: description }),
    ClientToken: clientToken,
    ModelApprovalStatus: approvalStatus,
    InferenceSpecification: {
      Containers: [inference],
      SupportedContentTypes: [contentType],
      SupportedResponseMIMETypes: [accept],
    },
    ModelMetrics: {
      ModelQuality: { Statistics: { ContentType: 'application/json', S3Uri: metric.reportUri } },
    },
    CustomerMetadataProperties: lineageProperties(request),
  };
}

/**
 * Where the model came from, as text by key. A value that is too long for AWS is given by its hash, under `<key>.sha256`; so are
 * the parameters all together when there are too many of them.
 */
export function lineageProperties({
  pipeline,
  modelName,
  metric,
  lineage,
}: ModelPackageRequest): Record<string, string> {
  const { workflowId, runId, executionMode, data, code, image, jobs, parameters } = lineage;
  const known = properties({
    'temporal.workflow_id': workflowId,
    'temporal.run_id': runId,
    'pipeline.name': pipeline,
    mode: executionMode,
    model: modelName,
    image,
    'code.uri': code.uri,
    'code.sha256': code.sha256,
    'data.uri': data?.uri,
    ...(data !== null && ('sha256' in data ? { 'data.sha256': data.sha256 } : { 'data.etags': data.etags })),
    'metric.name': metric.name,
    'metric.value': metric.value,
    'metric.comparison': metric.comparison,
    'metric.threshold': metric.threshold,
    ...prefixed('job.', jobs),
  });
  const own = properties(prefixed('parameter.', parameters));
  const room = maxPairs - Object.keys(known).length;
  if (Object.keys(own).length <= room) return { ...known, ...own };
  return { ...known, 'parameters.sha256': sha256(JSON.stringify(parameters)) };
}

const prefixed = <Value>(prefix: string, values: Readonly<Record<string, Value>>) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}${name}`, value]));

function properties(
  values: Readonly<Record<string, string | number | boolean | undefined>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([key, value]) => {
      // AWS takes no empty value.
      if (value === undefined || value === '') return [];
      const text = toTagValue(String(value));
      return [text.length <= maxValue ? [key, text] : [`${key}.sha256`, sha256(String(value))]];
    }),
  );
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
