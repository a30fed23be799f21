import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deployTopology } from '../../engine/deployment.ts';
import { isAfter } from '../../engine/origin.ts';
import type { TaskState } from '../../engine/task-state.ts';
import { CREDIT, type CustomerState } from '../support/credit.ts';
import { TaskMesh } from '../support/task-mesh.ts';
import { firstEvent, offlineCodec } from '../support/test-application.ts';

const PARTITIONS = 3;
const FUSED = deployTopology(CREDIT.definition, 'fused');
const SPLIT = deployTopology(CREDIT.definition, 'split');
const sources = FUSED.flatMap((topology) => topology.sources);
const codec = offlineCodec(CREDIT);
const owner = fc.nat({ max: PARTITIONS * SPLIT.length - 1 });

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
      arbitrary: fc.tuple(fc.constant('take' as const), owner, fc.constantFrom(...sources)),
    },
    { weight: 3, arbitrary: fc.tuple(fc.constant('seal' as const), owner) },
    { weight: 3, arbitrary: fc.tuple(fc.constant('flush' as const), owner) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('crash' as const), owner, fc.nat({ max: 6 })) },
  ),
  { maxLength: 120, size: 'max' },
);

/** Positions and marks past what is skipped ride along with a later batch (F27). */
function journaled(state: TaskState): string {
  return JSON.stringify({ ...(JSON.parse(state.dump()) as object), positions: [], marks: [] });
}

/** Marks that a replay has and the state it is of has not, or not so far. */
function marksAhead(replayed: TaskState, live: TaskState): readonly string[] {
  return [...replayed.marks].flatMap(([name, mark]) => {
    const own = live.marks.get(name);
    return own === undefined || isAfter(mark.n, mark.index, own.n, own.index) ? [name] : [];
  });
}

describe('what actors tell each other', () => {
  it('J7a is handled once and in order in every partition, whatever is taken over or published again', () => {
    fc.assert(
      fc.property(orders, steps, fc.boolean(), (placed, moves, fused) => {
        const topologies = fused ? FUSED : SPLIT;
        const mesh = new TaskMesh({ topologies, codec, partitions: PARTITIONS });
        const lines = new Map<string, { readonly customer: string; readonly line: number }[]>();
        placed.forEach(({ order, customers }, index) => {
          const known = lines.get(order) ?? [];
          const added = customers.map((customer, at) => ({ customer, line: known.length + at }));
          lines.set(order, [...known, ...added]);
          const asked = added.map((each) => ({ ...each, amount: 1 }));
          mesh.publish(firstEvent('order.placed', order, `e${index}`, { lines: asked }));
        });
        for (const [what, owner, detail] of moves) {
          const number = owner % mesh.owners;
          if (what === 'take') mesh.take(number, detail);
          else if (what === 'crash') mesh.crash(number, detail);
          else mesh[what](number);
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
        for (let owner = 0; owner < mesh.owners; owner++) {
          const [replayed, live] = [mesh.replayed(owner), mesh.stateOf(owner)];
          expect(journaled(replayed)).toBe(journaled(live));
          expect(marksAhead(replayed, live)).toEqual([]);
        }
      }),
      { numRuns: 150 },
    );
  });
});
