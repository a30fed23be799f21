import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TaskState } from '../../engine/task-state.ts';
import { buildTopology } from '../../engine/topology.ts';
import { CREDIT, type CustomerState } from '../support/credit.ts';
import { TaskMesh } from '../support/task-mesh.ts';
import { firstEvent, offlineCodec } from '../support/test-application.ts';

const PARTITIONS = 3;
const topology = buildTopology(CREDIT.definition);
const codec = offlineCodec(CREDIT);
const task = fc.nat({ max: PARTITIONS - 1 });

const orders = fc.array(
  fc.record({
    order: fc.constantFrom('o1', 'o2', 'o3', 'o4', 'o5'),
    customers: fc.array(fc.constantFrom('ann', 'bob', 'cy', 'dot'), { minLength: 1, maxLength: 4 }),
  }),
  { maxLength: 12, size: 'max' },
);

const steps = fc.array(
  fc.oneof(
    {
      weight: 10,
      arbitrary: fc.tuple(fc.constant('take' as const), task, fc.constantFrom(...topology.sources)),
    },
    { weight: 3, arbitrary: fc.tuple(fc.constant('seal' as const), task) },
    { weight: 3, arbitrary: fc.tuple(fc.constant('flush' as const), task) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('crash' as const), task, fc.nat({ max: 6 })) },
  ),
  { maxLength: 120, size: 'max' },
);

/** Positions past what is skipped ride along with a later batch (F27). */
function journaled(state: TaskState): string {
  return JSON.stringify({ ...(JSON.parse(state.dump()) as object), positions: [] });
}

describe('what actors tell each other', () => {
  it('J7a is handled once and in order in every partition, whatever is taken over or published again', () => {
    fc.assert(
      fc.property(orders, steps, fc.boolean(), (placed, moves, fuse) => {
        const mesh = new TaskMesh({ topology, codec, partitions: PARTITIONS, fuse });
        const lines = new Map<string, { readonly customer: string; readonly line: number }[]>();
        placed.forEach(({ order, customers }, index) => {
          const known = lines.get(order) ?? [];
          const added = customers.map((customer, at) => ({ customer, line: known.length + at }));
          lines.set(order, [...known, ...added]);
          const asked = added.map((each) => ({ ...each, amount: 1 }));
          mesh.publish(firstEvent('order.placed', order, `e${index}`, { lines: asked }));
        });
        for (const move of moves) {
          if (move[0] === 'take') mesh.take(move[1], move[2]);
          else if (move[0] === 'crash') mesh.crash(move[1], move[2]);
          else mesh[move[0]](move[1]);
        }
        mesh.finish();

        const customers = mesh.states('customer') as ReadonlyMap<string, CustomerState>;
        for (const [order, asked] of lines) {
          for (const customer of ['ann', 'bob', 'cy', 'dot'])
            expect(
              (customers.get(customer)?.asked ?? []).filter((each) => each.startsWith(`${order}/`)),
            ).toEqual(
              asked
                .filter((each) => each.customer === customer)
                .map(({ line }) => `${order}/${line}`),
            );
          const answered = mesh.states('order').get(order) as { readonly answers: number[] };
          const sorted = answered.answers.toSorted((left, right) => left - right);
          expect(sorted).toEqual(asked.map(({ line }) => line));
          const { lines: audited } = mesh.states('auditor').get(order) as { lines: string[] };
          expect(audited.toSorted()).toEqual(asked.map(({ line }) => `${order}/${line}`).sort());
        }
        for (let partition = 0; partition < PARTITIONS; partition++)
          expect(journaled(mesh.replayed(partition))).toBe(journaled(mesh.stateOf(partition)));
      }),
      { numRuns: 150 },
    );
  });
});
