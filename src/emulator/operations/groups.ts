import { arnOf, idOf } from '../arn.ts';
import { AwsError, validationException } from '../aws-error.ts';
import { pageOf } from '../lists.ts';
import { isVisible, type Body, type Region, type Resource } from '../store.ts';
import { epoch, present, type Call, type Handler } from './call.ts';
import { checkTags, setTags } from './tags.ts';

export const groupOperations: Record<string, Handler> = {
  CreateModelPackageGroup: createGroup,
  DescribeModelPackageGroup: describeGroup,
  DeleteModelPackageGroup: deleteGroup,
  ListModelPackageGroups: listGroups,
};

const nameIn = ({ input }: Call) => input.ModelPackageGroupName as string;

function createGroup(call: Call): Body {
  const { input, region, now } = call;
  const name = nameIn(call);
  const arn = arnOf(region.place, 'model-package-group', name);
  const tags = checkTags(input);
  // Programs that treat it as success look for ValidationException and these words.
  if (region.groups.get(name)) throw validationException(`Model Package Group already exists: ${arn}`);
  region.groups.add(name, { name, arn, createdAt: now, input });
  setTags(region, arn, tags);
  return { ModelPackageGroupArn: arn };
}

/** By name or ARN. CreateModelPackage makes no group by itself: the SDK makes it first. @throws AwsError if there is none. */
export function groupOf(region: Region, nameOrArn: string): Resource {
  const name = nameOrArn.startsWith('arn:') ? idOf(nameOrArn) : nameOrArn;
  const group = region.groups.get(name);
  if (group) return group;
  throw missing(region, name);
}

const missing = ({ place }: Region, name: string) =>
  validationException(`ModelPackageGroup ${arnOf(place, 'model-package-group', name)} does not exist.`);

function describeGroup(call: Call): Body {
  const group = groupOf(call.region, nameIn(call));
  if (!isVisible(call.region, group.arn)) throw missing(call.region, group.name);
  return stateOf(group, { CreatedBy: {} });
}

function stateOf({ name, arn, createdAt, input }: Resource, more: Body = {}): Body {
  return present({
    ModelPackageGroupName: name,
    ModelPackageGroupArn: arn,
    ModelPackageGroupDescription: input.ModelPackageGroupDescription,
    CreationTime: epoch(createdAt),
    ModelPackageGroupStatus: 'Completed',
    ...more,
  });
}

function deleteGroup(call: Call): Body {
  const { region } = call;
  const { name, arn } = groupOf(region, nameIn(call));
  if (region.packages.all().some(({ group }) => group === name))
    throw new AwsError('ConflictException', `Cannot delete ${arn}: it still has model packages`);
  region.groups.delete(name);
  region.lastVersions.delete(name);
  region.tags.delete(arn);
  return {};
}

function listGroups({ input, region }: Call): Body {
  const groups = region.groups.all().filter(({ arn }) => isVisible(region, arn));
  const items = groups.map((group) => ({ ...group, summary: stateOf(group) }));
  const { summaries, ...rest } = pageOf(items, input);
  return { ModelPackageGroupSummaryList: summaries, ...rest };
}
