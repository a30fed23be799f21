import { describe, expect, it } from 'vitest';
import {
  durationText,
  laterOf,
  microsOf,
  statesOf,
  timelineOf,
} from '../../gateway/page/timeline.js';

const event = (sequence: number, micros: number, topic = 'intent.submitted') => ({
  eventId: `e${sequence}`,
  timestamp: `2026-01-02T03:04:05.${String(micros).padStart(6, '0')}Z`,
  topic,
  correlationId: 'intent-1',
  causationId: sequence === 1 ? null : `e${sequence - 1}`,
  payload: {},
  sequence,
});

describe('the timeline of the page', () => {
  it('puts events in order, once each, with the time of each hop to the microsecond', () => {
    const [first, second, third] = [event(1, 0), event(2, 1_250), event(3, 4_000)];
    const { steps, totalMs, missing } = timelineOf([third, first, second, { ...second }]);
    expect(steps.map((step) => step.event.eventId)).toEqual(['e1', 'e2', 'e3']);
    expect(steps.map(({ startMs, atMs }) => [startMs, atMs])).toEqual([
      [0, 0],
      [0, 1.25],
      [1.25, 4],
    ]);
    expect(steps[2]?.cause).toEqual(second);
    expect([totalMs, missing]).toEqual([4, []]);
  });

  it('says which events are missing, and takes a cause that it does not have for none', () => {
    const { steps, missing } = timelineOf([event(4, 9), event(1, 0)]);
    expect(missing).toEqual([2, 3]);
    expect(steps[1]?.cause).toBeNull();
    expect(timelineOf([])).toEqual({ steps: [], totalMs: 0, missing: [] });
  });

  it('knows states by the events that bring them', () => {
    const topics = ['intent.submitted', 'risk.approved', 'intent.accepted', 'plan.rejected'];
    const { steps } = timelineOf(topics.map((topic, index) => event(index + 1, index, topic)));
    expect([...statesOf(steps).keys()]).toEqual(['Submitted', 'Accepted', 'Failed']);
    expect([laterOf('Planned', 'Accepted'), laterOf(null, 'Failed'), laterOf(null, null)]).toEqual([
      'Planned',
      'Failed',
      null,
    ]);
  });

  it('writes durations so that they can be compared', () => {
    const texts = [0, 0.456, 12.34, 250.6, 59_990, 61_000, 3_720_000].map(durationText);
    expect(texts).toEqual([
      '0 ms',
      '0.46 ms',
      '12.3 ms',
      '251 ms',
      '59.99 s',
      '1 min 1 s',
      '1 h 2 min',
    ]);
    expect(microsOf({ timestamp: '1970-01-01T00:00:01Z' })).toBe(1_000_000);
  });
});
