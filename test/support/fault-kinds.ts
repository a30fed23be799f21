import { brokerHang, brokerRestart, network } from './broker-faults.ts';
import type { Crew } from './crew.ts';
import type { KillSteps } from './fault-steps.ts';
import { input } from './input-faults.ts';
import { journalAnew, journalPrefix, journalTail } from './journal-faults.ts';
import {
  clients,
  deploy,
  downgrade,
  kill,
  killEarly,
  scale,
  standby,
  zombie,
} from './member-faults.ts';
import { storeDamage, storeFull } from './store-faults.ts';

/** What a kind of fault can do to the broker, when it is one of its own. */
export interface BrokerControl {
  stop(): Promise<void>;
  start(): Promise<void>;
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
  /** Where it keeps what it has. */
  readonly folder: string;
}

export interface FaultContext {
  readonly crew: Crew;
  readonly brokers: readonly string[];
  /** How often; 1 for the quick tests. */
  readonly rounds: number;
  /** Steps that kills fell into. */
  readonly steps: KillSteps;
  /** Only kinds that say so have one. */
  readonly broker: BrokerControl | null;
}

export interface FaultKind {
  readonly name: string;
  readonly needsOwnBroker?: boolean;
  /** Leaves a crew that can finish what was sent. Answers a remark for the table. */
  act(context: FaultContext): Promise<string>;
}

export const FAULT_KINDS: readonly FaultKind[] = [
  { name: 'kill', act: kill },
  { name: 'kill-early', act: killEarly },
  { name: 'standby', act: standby },
  { name: 'zombie', act: zombie },
  { name: 'deploy', act: deploy },
  { name: 'downgrade', act: downgrade },
  { name: 'scale', act: scale },
  { name: 'clients', act: clients },
  { name: 'network', act: network },
  { name: 'input', act: input },
  { name: 'store-damage', act: storeDamage },
  { name: 'store-full', act: storeFull },
  { name: 'journal-prefix', act: journalPrefix },
  { name: 'journal-anew', act: journalAnew },
  { name: 'journal-tail', needsOwnBroker: true, act: journalTail },
  { name: 'broker-restart', needsOwnBroker: true, act: brokerRestart },
  { name: 'broker-hang', needsOwnBroker: true, act: brokerHang },
];
