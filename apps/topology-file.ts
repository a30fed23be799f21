import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  moduleRecords,
  type Schemas,
  type TopicRecord,
  type TopologyModule,
} from '../avro/index.ts';
import { type Deployment, deployTopology } from '../engine/deployment.ts';
import type { Topology } from '../engine/topology.ts';
import type { EffectPerformer } from '../kafka/effect-runner.ts';
import { applyTopics } from '../kafka/topics.ts';
import { topicsOf } from '../topologies/topics.ts';
import { type ProcessContext, type RunningApp, startApplication, taskCheck } from './app.ts';
import { codeVersionOf } from './code-version.ts';
import { logChecks } from './service-connector.ts';
import { serve } from './service-server.ts';

/**
 * A topology that somebody wrote in a file of theirs: what the module exports.
 *
 * Shape: `topology` (a TopologyDefinition), `schemas` (Avro records of its events and read models, as objects;
 * `eventSchema` makes them), `performers` (of its effects; optional).
 */
export interface TopologyFile {
  /** One when fused, one per actor when split. */
  readonly topologies: readonly Topology[];
  readonly records: readonly TopicRecord[];
  readonly schemas: Schemas;
  readonly performers: Readonly<Record<string, EffectPerformer>>;
  /** Of the package that the file is in; empty: of none. */
  readonly codeVersion: string;
}

/** What is believed of a file, until the topology is built. */
type Exports = Partial<TopologyModule & Pick<TopologyFile, 'performers'>>;

export class TopologyFileError extends Error {
  override readonly name = 'TopologyFileError';
  readonly code = 'TOPOLOGY_FILE';
}

/** Throws: TopologyFileError; EngineError TOPOLOGY_INVALID with every problem of the graph. */
export async function loadTopologyFile(
  path: string,
  deployment: Deployment = 'fused',
): Promise<TopologyFile> {
  const module = await importFile(path);
  const { topology, performers = {} } = module;
  if (topology === undefined)
    throw new TopologyFileError(
      `${path} exports no 'topology'; see examples/accounts.ts for what such a file looks like.`,
    );
  const topologies = deployTopology(topology, topology.deployment ?? deployment);
  const { subjects: records, schemas } = moduleRecords({ ...module, topology }, deployment);
  return { topologies, records, schemas, performers, codeVersion: codeVersionOf(path) };
}

async function importFile(path: string): Promise<Exports> {
  try {
    return (await import(pathToFileURL(resolve(path)).href)) as Exports;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TopologyFileError(`${path} cannot be loaded: ${reason}`, { cause });
  }
}

/** The applications of the file, as its process calls itself. */
export function nameOf({ topologies }: TopologyFile): string {
  return topologies.map(({ application }) => application).join('+');
}

/** Creates the topics that are missing and runs the application, with health and metrics on any free port. */
export async function startTopologyFile(
  context: ProcessContext,
  file: TopologyFile,
): Promise<RunningApp> {
  const { config, services, metrics, log } = context;
  const { partitions, replicationFactor } = config.kafka;
  await applyTopics(services.admin, topicsOf(file.topologies), {
    partitions,
    replicationFactor,
    names: services.names,
  });
  const { performers, codeVersion } = file;
  const runners = await Promise.all(
    file.topologies.map((each) => startApplication(context, each, { performers, codeVersion })),
  );
  const checks = {
    ...logChecks(services),
    ...taskCheck(...runners),
  };
  const { host } = config.service;
  const server = await serve({ app: 'trading', host, port: 0, checks, metrics, log });
  return {
    name: nameOf(file),
    port: server.port,
    stop: async () => {
      await Promise.all(runners.map((runner) => runner.stop('stay')));
      await server.close();
    },
  };
}
