import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DueHeap } from "../../src/core/jobs/due-heap.ts";

const change = fc.record({
  name: fc.integer({ min: 0, max: 30 }).map(String),
  at: fc.option(fc.integer({ min: 0, max: 20 })),
});

describe("what is due", () => {
  it("[TX-12] is as a sorted list has it, after any changes", () => {
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 100 }),
        fc.integer({ min: 0, max: 21 }),
        fc.nat(30),
        (changes, now, limit) => {
          const heap = new DueHeap();
          const naive = new Map<string, number>();
          for (const { name, at } of changes) {
            if (at === null) {
              heap.delete(name);
              naive.delete(name);
            } else {
              heap.set(name, at);
              naive.set(name, at);
            }
            expect(heap.next).toBe(naive.size === 0 ? undefined : Math.min(...naive.values()));
            expect(heap.size).toBe(naive.size);
          }
          const sorted = [...naive].toSorted(([a, atA], [b, atB]) => atA - atB || (a < b ? -1 : 1));
          const due = sorted.filter(([, at]) => at <= now).map(([name]) => name);
          expect(heap.due(now, limit)).toEqual(due.slice(0, limit));
          expect(heap.due(now, Number.POSITIVE_INFINITY)).toEqual(due);
        },
      ),
    );
  });
});
