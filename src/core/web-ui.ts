/** The Web UI of Temporal Cloud, if the address is one of it; elsewhere the address of a server says nothing of its Web UI. */
export const cloudUi = (address: string) =>
  /\.(tmprl\.cloud|temporal\.io)(:\d+)?$/.test(address) ? 'https://cloud.temporal.io' : null;

/** The page of a run. */
export function runPage(uiUrl: string, namespace: string, workflowId: string, runId: string): string {
  return `${uiUrl}/namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(workflowId)}/${runId}`;
}
