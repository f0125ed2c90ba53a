export { renamedActivity as interceptors } from './interceptors.ts';
