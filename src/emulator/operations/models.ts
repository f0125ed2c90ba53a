import { arnOf } from '../arn.ts';
import { validationException } from '../aws-error.ts';
import { pageOf } from '../lists.ts';
import { outputMembers } from '../service-model.ts';
import { isVisible, type Body, type Resource } from '../store.ts';
import { epoch, present, type Call, type Handler } from './call.ts';
import { packageOf } from './packages.ts';
import { checkModel } from './rules.ts';
import { checkTags, setTags } from './tags.ts';

export const modelOperations: Record<string, Handler> = {
  CreateModel: createModel,
  DescribeModel: describeModel,
  DeleteModel: deleteModel,
  ListModels: listModels,
};

const nameIn = ({ input }: Call) => input.ModelName as string;

/** astronomer/astronomer-providers#1055 has the words for a name that is taken. */
function createModel(call: Call): Body {
  const { input, region, now } = call;
  checkModel(input);
  const tags = checkTags(input);
  for (const name of packageNames(input)) packageOf(region, name);
  const name = nameIn(call);
  const arn = arnOf(region.place, 'model', name);
  if (region.models.get(name)) throw validationException(`Cannot create already existing model "${arn}".`);
  region.models.add(name, { name, arn, createdAt: now, input: { EnableNetworkIsolation: false, ...input } });
  setTags(region, arn, tags);
  return { ModelArn: arn };
}

function packageNames({ PrimaryContainer, Containers }: Body): string[] {
  const containers = [PrimaryContainer, ...((Containers as unknown[] | undefined) ?? [])] as (
    { ModelPackageName?: string } | undefined
  )[];
  return containers.flatMap((container) => container?.ModelPackageName ?? []);
}

function find(call: Call): Resource {
  const name = nameIn(call);
  const model = call.region.models.get(name);
  if (model && isVisible(call.region, model.arn)) return model;
  throw validationException(`Could not find model "${arnOf(call.region.place, 'model', name)}".`);
}

function describeModel(call: Call): Body {
  const { arn, createdAt, input } = find(call);
  const body: Body = { ...input, ModelArn: arn, CreationTime: epoch(createdAt) };
  return present(Object.fromEntries(outputMembers(call.operation).map((name) => [name, body[name]])));
}

function deleteModel(call: Call): Body {
  const { name, arn } = find(call);
  call.region.models.delete(name);
  call.region.tags.delete(arn);
  return {};
}

/** API reference: sorted downwards. */
function listModels({ input, region }: Call): Body {
  const models = region.models.all().filter(({ arn }) => isVisible(region, arn));
  const items = models.map(({ name, arn, createdAt }) => ({
    name,
    arn,
    createdAt,
    summary: { ModelName: name, ModelArn: arn, CreationTime: epoch(createdAt) },
  }));
  const { summaries, ...rest } = pageOf(items, input, { order: 'Descending' });
  return { Models: summaries, ...rest };
}
