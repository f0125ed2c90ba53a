export { timer as interceptors } from './interceptors.ts';
