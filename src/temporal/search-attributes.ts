import type { Connection } from '@temporalio/client';
import { SluiceError } from '../core/errors.ts';
import { searchAttributeTypes } from '../core/run.ts';

/** What both kinds of connection have. */
type Services = Pick<Connection, 'operatorService' | 'workflowService'>;

type AttributeType = (typeof searchAttributeTypes)[keyof typeof searchAttributeTypes];

/** Of `temporal.api.enums.v1.IndexedValueType`. */
const numbers: Record<AttributeType, number> = { Keyword: 2, Double: 4 };

/** How a namespace and Sluice's search attributes stand. */
export interface AttributeState {
  missing: string[];
  /** Registered with a type that takes none of our values. */
  mistyped: string[];
}

/** Setting one that isn't there, or has another type, would leave the workflow task retrying for ever. */
export const isComplete = ({ missing, mistyped }: AttributeState) =>
  missing.length === 0 && mistyped.length === 0;

export async function attributeState(services: Services, namespace: string): Promise<AttributeState> {
  const types = await registeredTypes(services, namespace);
  const names = Object.keys(searchAttributeTypes);
  return {
    missing: names.filter((name) => !types.has(name)),
    mistyped: Object.entries(searchAttributeTypes)
      .filter(([name, type]) => types.has(name) && types.get(name) !== type)
      .map(([name]) => name),
  };
}

async function registeredTypes(
  { operatorService, workflowService }: Services,
  namespace: string,
): Promise<Map<string, string | undefined>> {
  try {
    const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
    return new Map(Object.entries(customAttributes).map(([name, type]) => [name, typeOf(type)]));
  } catch {
    // Temporal Cloud keeps that call from workers. The namespace itself says which of its fields has which name.
    const { config } = await workflowService.describeNamespace({ namespace });
    const aliases = Object.entries(config?.customSearchAttributeAliases ?? {});
    return new Map(aliases.map(([field, name]) => [name, field.replace(/\d+$/, '')]));
  }
}

const typeOf = (number: number) => Object.entries(numbers).find(([, known]) => known === number)?.[0];

/** Registers what is missing, and waits until the server knows it. @returns the names that were missing. */
export async function registerAttributes(services: Services, namespace: string): Promise<string[]> {
  const { missing, mistyped } = await attributeState(services, namespace);
  refuseMistyped(mistyped, namespace);
  if (missing.length === 0) return [];
  const searchAttributes = Object.fromEntries(
    Object.entries(searchAttributeTypes)
      .filter(([name]) => missing.includes(name))
      .map(([name, type]) => [name, numbers[type]]),
  );
  await services.operatorService.addSearchAttributes({ namespace, searchAttributes });
  const deadline = Date.now() + 60_000;
  while (!isComplete(await attributeState(services, namespace))) {
    if (Date.now() > deadline)
      throw new SluiceError(
        'ServiceUnavailable',
        `The server took the search attributes, but does not list them after a minute: ${missing.join(', ')}`,
      );
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return missing;
}

function refuseMistyped(mistyped: readonly string[], namespace: string): void {
  if (mistyped.length === 0) return;
  const wanted = Object.entries(searchAttributeTypes)
    .filter(([name]) => mistyped.includes(name))
    .map(([name, type]) => `${name} (must be ${type})`);
  throw new SluiceError(
    'InvalidInput',
    `Search attributes of the namespace ${namespace} have another type: ${wanted.join(', ')}. Remove them (\`temporal operator search-attribute remove\`) or use another namespace`,
  );
}
