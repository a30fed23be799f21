import type { StartApp } from './app.ts';
import type { AppName } from './config.ts';
import { startCoordinator } from './coordinator.ts';
import { startGateway } from './gateway.ts';
import { startOrchestrator } from './orchestrator.ts';
import { startTrading } from './trading.ts';

/*
 * What only the apps of this system need. A process that runs a topology of a file loads none of it: venues, the gateway and
 * what they stand on take longer to load than everything else together.
 */

export { applyTopicsBy } from './apply.ts';
export { CoreComponents } from './core-components.ts';

/** Every app of this repository; all others name theirs from here. */
export const APPS: Readonly<Record<AppName, StartApp>> = {
  gateway: startGateway,
  trading: startTrading,
  orchestrator: startOrchestrator,
  coordinator: startCoordinator,
};
