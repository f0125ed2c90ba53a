import { arnOf, idOf } from '../arn.ts';
import { AwsError, validationException } from '../aws-error.ts';
import { pageOf } from '../lists.ts';
import { outputMembers } from '../service-model.ts';
import { isVisible, type Body, type ModelPackage, type Region } from '../store.ts';
import { epoch, present, type Call, type Handler } from './call.ts';
import { groupOf } from './groups.ts';
import { checkTags, setTags } from './tags.ts';

export const packageOperations: Record<string, Handler> = {
  CreateModelPackage: createPackage,
  DescribeModelPackage: describePackage,
  UpdateModelPackage: updatePackage,
  DeleteModelPackage: deletePackage,
  ListModelPackages: listPackages,
};

interface CreateInput {
  ModelPackageName?: string;
  ModelPackageGroupName?: string;
  ClientToken?: string;
  Tags?: unknown[];
}

function createPackage({ input, region, now }: Call): Body {
  const { ClientToken: token, ...body } = input as CreateInput;
  const already = token === undefined ? undefined : region.tokens.get(token);
  if (already !== undefined) return repeated(already, body);
  const { arn, group, version, name } = placeOf(region, body);
  const tags = checkTags(input);
  const approval = group === null ? {} : { ModelApprovalStatus: 'PendingManualApproval' };
  region.packages.add(arn, {
    name,
    arn,
    group,
    version,
    createdAt: now,
    modifiedAt: null,
    input: { ...approval, ...body },
  });
  if (group !== null) region.lastVersions.set(group, version);
  if (token !== undefined) region.tokens.set(token, { body: canonical(body), arn });
  setTags(region, arn, tags);
  return { ModelPackageArn: arn };
}

/** API reference, ClientToken: "guarantees that the call to this API is idempotent"; ConflictException is the declared error. */
function repeated(already: { body: string; arn: string }, body: Body): Body {
  if (already.body === canonical(body)) return { ModelPackageArn: already.arn };
  throw new AwsError(
    'ConflictException',
    'The ClientToken was used before with another request: a token goes with one request only',
  );
}

/** getmoto/moto#7165 has AWS's words for neither and for both names. */
function placeOf(region: Region, input: CreateInput) {
  const { ModelPackageName: name, ModelPackageGroupName: groupName, Tags: tags } = input;
  if (name !== undefined && groupName !== undefined)
    throw validationException(
      'Both ModelPackageName and ModelPackageGroupName are provided in the input. Cannot determine which one to use.',
    );
  if (groupName !== undefined) {
    const group = groupOf(region, groupName);
    // API reference, Tags: "If you supply ModelPackageGroupName … you cannot supply a tag argument".
    if (tags !== undefined && tags.length > 0)
      throw validationException('Tags cannot be specified for a model package of a group');
    const version = (region.lastVersions.get(group.name) ?? 0) + 1;
    return {
      name: group.name,
      group: group.name,
      version,
      arn: arnOf(region.place, 'model-package', `${group.name}/${version}`),
    };
  }
  if (name === undefined) throw validationException('Missing ARN.');
  const arn = arnOf(region.place, 'model-package', name);
  if (region.packages.get(arn))
    throw new AwsError('ConflictException', `Model Package already exists: ${arn}`);
  return { name, group: null, version: null, arn };
}

/** The same whatever order the keys came in. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** By ARN, or by what comes after the type in it. @throws AwsError if there is none. */
export function packageOf(region: Region, nameOrArn: string): ModelPackage {
  const arn = nameOrArn.startsWith('arn:') ? nameOrArn : arnOf(region.place, 'model-package', nameOrArn);
  const found = region.packages.get(arn);
  if (found) return found;
  throw missing(arn);
}

const missing = (arn: string) => validationException(`ModelPackage ${arn} does not exist.`);

function describePackage({ operation, input, region }: Call): Body {
  const found = packageOf(region, input.ModelPackageName as string);
  if (!isVisible(region, found.arn)) throw missing(found.arn);
  const body: Body = { ...found.input, ...stateOf(found) };
  return present(Object.fromEntries(outputMembers(operation).map((name) => [name, body[name]])));
}

function stateOf({ name, arn, group, version, createdAt, modifiedAt }: ModelPackage): Body {
  return {
    ModelPackageName: name,
    ModelPackageGroupName: group ?? undefined,
    ModelPackageVersion: version ?? undefined,
    ModelPackageArn: arn,
    CreationTime: epoch(createdAt),
    LastModifiedTime: modifiedAt === null ? undefined : epoch(modifiedAt),
    // Nothing is validated here, so there is nothing to wait for.
    ModelPackageStatus: 'Completed',
    ModelPackageStatusDetails: { ValidationStatuses: [], ImageScanStatuses: [] },
  };
}

interface UpdateInput {
  ModelPackageArn: string;
  CustomerMetadataProperties?: Record<string, string>;
  CustomerMetadataPropertiesToRemove?: string[];
  AdditionalInferenceSpecificationsToAdd?: unknown[];
}

function updatePackage({ input, region, now }: Call): Body {
  const {
    ModelPackageArn: arn,
    CustomerMetadataProperties: added = {},
    CustomerMetadataPropertiesToRemove: removed = [],
    AdditionalInferenceSpecificationsToAdd: more,
    ...changes
  } = input as unknown as UpdateInput;
  const found = packageOf(region, arn);
  if (found.group === null && 'ModelApprovalStatus' in changes)
    throw validationException('ModelApprovalStatus does not apply to unversioned model packages');
  const before = found.input as {
    CustomerMetadataProperties?: Record<string, string>;
    AdditionalInferenceSpecifications?: unknown[];
  };
  const metadata = Object.entries({ ...before.CustomerMetadataProperties, ...added });
  found.input = {
    ...found.input,
    ...changes,
    CustomerMetadataProperties: Object.fromEntries(metadata.filter(([key]) => !removed.includes(key))),
    ...(more && {
      AdditionalInferenceSpecifications: [...(before.AdditionalInferenceSpecifications ?? []), ...more],
    }),
  };
  found.modifiedAt = now;
  return { ModelPackageArn: found.arn };
}

function deletePackage({ input, region }: Call): Body {
  const { arn } = packageOf(region, input.ModelPackageName as string);
  region.packages.delete(arn);
  region.tags.delete(arn);
  return {};
}

/** API reference, ModelPackageType: without one, and without a group, only packages of no group. */
function listPackages({ input, region }: Call): Body {
  const {
    ModelPackageGroupName: group,
    ModelPackageType: type = group === undefined ? 'Unversioned' : 'Versioned',
    ...rest
  } = input as { ModelPackageGroupName?: string; ModelPackageType?: string; ModelApprovalStatus?: string };
  const groupName = group === undefined ? undefined : groupOf(region, group).name;
  const items = region.packages
    .all()
    .filter(({ arn }) => isVisible(region, arn))
    .filter((found) => groupName === undefined || found.group === groupName)
    .filter((found) => type === 'Both' || (found.group !== null) === (type === 'Versioned'))
    .filter(
      ({ input: { ModelApprovalStatus } }) =>
        rest.ModelApprovalStatus === undefined || ModelApprovalStatus === rest.ModelApprovalStatus,
    )
    .map((found) => ({
      name: idOf(found.arn),
      arn: found.arn,
      createdAt: found.createdAt,
      summary: summarize(found),
    }));
  const { summaries, ...page } = pageOf(items, input);
  return { ModelPackageSummaryList: summaries, ...page };
}

/** aws/sagemaker-python-sdk#5606: for versions the list has no ModelPackageName. */
function summarize(found: ModelPackage): Body {
  const { ModelApprovalStatus, ModelPackageDescription } = found.input;
  const shown = Object.entries({ ...stateOf(found), ModelApprovalStatus, ModelPackageDescription });
  const hidden = [
    'ModelPackageStatusDetails',
    'LastModifiedTime',
    ...(found.group === null ? [] : ['ModelPackageName']),
  ];
  return present(Object.fromEntries(shown.filter(([member]) => !hidden.includes(member))));
}
