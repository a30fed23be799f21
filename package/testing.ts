/* "millrace/testing": actors and topologies in memory, and what judges and disturbs a real system. */
export { checkAnomalies, isClean } from '../testing/anomaly-checker.ts';
export type {
  Anomaly,
  AnomalyCheckOptions,
  AnomalyKind,
  AnomalyReport,
} from '../testing/anomaly-checker.ts';
export { driveModule } from '../testing/drive-module.ts';
export { startFaultProxy } from '../testing/fault-proxy.ts';
export type { FaultProxy } from '../testing/fault-proxy.ts';
export { given, GIVEN_TIME, messageOf } from '../testing/given.ts';
export type { Expected, Given, History, Then } from '../testing/given.ts';
export { MemoryKafka } from '../testing/memory-kafka.ts';
export { ImpureHandlerError, sanitizedActor, sanitizedTopology } from '../testing/sanitizer.ts';
export { TopologyDriver } from '../testing/topology-driver.ts';
export type {
  DriverOutput,
  DriverRecord,
  TopologyDriverOptions,
} from '../testing/topology-driver.ts';
