import type { Pipeline } from './pipeline.ts';

/**
 * Whose turn it is, in Temporal's words, where activities of several runs wait. What the pipeline leaves open is inherited from the workflow.
 * Of the same priority, pipelines take turns where the server knows of fairness: a backfill of one does not hold up the others.
 */
export const priorityOf = ({ name, priority }: Pick<Pipeline, 'name' | 'priority'>) => ({
  ...(priority !== undefined && { priorityKey: priority }),
  fairnessKey: name,
});
