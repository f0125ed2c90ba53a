export { guardedTimer as interceptors } from './interceptors.ts';
