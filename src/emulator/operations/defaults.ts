import type { JobKind } from '../arn.ts';
import type { Body } from '../store.ts';

/** What Describe shows though nobody asked for it (recorded answers in the API reference's examples and in SDK tests). */
export function withDefaults(kind: JobKind, input: Body): Body {
  switch (kind) {
    case 'Training':
      return {
        EnableNetworkIsolation: false,
        EnableInterContainerTrafficEncryption: false,
        EnableManagedSpotTraining: false,
        ...input,
        ...each(input, 'InputDataConfig', { CompressionType: 'None', RecordWrapperType: 'None' }),
        ...inside(input, 'OutputDataConfig', { KmsKeyId: '' }),
        ...inside(input, 'StoppingCondition', { MaxRuntimeInSeconds: 86_400 }),
      };
    case 'Processing':
      return {
        StoppingCondition: { MaxRuntimeInSeconds: 86_400 },
        ...input,
        ...each(input, 'ProcessingInputs', { AppManaged: false }),
        ...inside(input, 'ProcessingOutputConfig', {}, (config) =>
          each(config, 'Outputs', { AppManaged: false }),
        ),
      };
    case 'Transform':
      return {
        ...input,
        ...inside(input, 'TransformInput', { CompressionType: 'None', SplitType: 'None' }),
        ...inside(input, 'TransformOutput', { AssembleWith: 'None', KmsKeyId: '' }),
      };
  }
}

function inside(input: Body, name: string, defaults: Body, more: (body: Body) => Body = () => ({})): Body {
  const body = input[name] as Body | undefined;
  return body === undefined ? {} : { [name]: { ...defaults, ...body, ...more(body) } };
}

function each(input: Body, name: string, defaults: Body): Body {
  const list = input[name] as Body[] | undefined;
  return list === undefined ? {} : { [name]: list.map((body) => ({ ...defaults, ...body })) };
}
