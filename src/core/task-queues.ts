/**
 * Runs are started on the queue of the deployment, `sluice`: its workers have the workflows, what needs no machine in particular, and watch
 * the jobs of SageMaker. A run with jobs of a machine is bound to one of them, where its data and the folders of its jobs are: only
 * there a job can be found again. The queues below are those of such machines.
 */

/** Shared by all of them: whoever takes a new run from it keeps it. */
export const hostsQueue = (taskQueue: string) => `${taskQueue}-local`;

/** What is short, of the runs that are bound to a host. */
export const hostQueue = (taskQueue: string, host: string) => `${taskQueue}-local-${host}`;

/** The jobs of a host, with as many slots as its cores bear. */
export const jobsQueue = (taskQueue: string, host: string) => `${taskQueue}-local-${host}-jobs`;
