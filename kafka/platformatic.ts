export { platformaticClient } from './platformatic/index.ts';
