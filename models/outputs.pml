/*
 * Several output partitions of one task: J5 of docs/protocol.md. The journal is taken for granted here (journal.pml): emits
 * 1, 2, 3… are confirmed one after the other, odd ones for partition 1, even ones for partition 0. An owner has one publish
 * request in flight for each partition; what a deposed owner had in flight lands late, and once more when its answer was lost.
 */
#ifndef OWNERS
#define OWNERS 3
#endif
#ifndef EMITS
#define EMITS 4
#endif
#ifndef COPIES
#define COPIES 1
#endif
#define PARTS 2
#define PART(n) ((n) & 1)

#define MUST(condition, sentence) \
  if :: (condition) :: else -> printf(sentence); assert(false) fi
#ifdef SHORTEST
#define hidden
#endif
#define MAX(a, b) (a > b -> a : b)

typedef Parts { byte at[PARTS] }
byte owner;
byte confirmed;
byte known[OWNERS]; /* what a deposed owner had confirmed, and goes on to publish */
byte watermark[PARTS]; /* journaled: all emits up to it that go there are acknowledged */
Parts acked[OWNERS]; /* what an owner knows of that */
Parts sent[OWNERS]; /* in flight */
byte top[PARTS]; /* newest that stands there */
byte copies;
hidden byte n, p;

inline stand(part, what) {
  printf("EVENT   %d stands in partition %d\n", what, part);
  MUST(what <= top[part] + 2 && PART(what) == part, "EVENT VIOLATION: an emit stands in an output before an earlier one\n");
  top[part] = MAX(top[part], what)
}

/* What the owner finds in an output from the watermark on. */
#ifdef OFF_J5_EACH /* the newest in any partition counts for all */
#define FOUND(part) MAX(top[0], top[1])
#else
#define FOUND(part) MAX(watermark[part], top[part])
#endif
/* The first emit after `last` that goes to `part`. */
#define NEXT(last, part) (PART(last + 1) == part -> last + 1 : last + 2)

#ifdef OFF_J5_WATERMARK /* counts what is sent, not what is acknowledged */
#define COVERED(o, part) MAX(acked[o].at[part], sent[o].at[part])
#else
#define COVERED(o, part) acked[o].at[part]
#endif
#define PUBLISH(o, part) \
  :: d_step { owner >= o && sent[o].at[part] == 0 && \
       NEXT(acked[o].at[part], part) <= (owner == o -> confirmed : known[o]) -> \
       sent[o].at[part] = NEXT(acked[o].at[part], part); \
       printf("EVENT %c publishes %d to partition %d\n", 65 + o, sent[o].at[part], part) } \
  :: d_step { sent[o].at[part] != 0 -> n = sent[o].at[part]; sent[o].at[part] = 0; stand(part, n); acked[o].at[part] = n } \
  :: d_step { copies < COPIES && sent[o].at[part] != 0 -> copies++; \
       printf("EVENT   the answer is lost, the same is sent again:\n"); stand(part, sent[o].at[part]) }

active proctype task() {
end_of_all:
  do
  PUBLISH(0, 0)
  PUBLISH(0, 1)
  PUBLISH(1, 0)
  PUBLISH(1, 1)
  PUBLISH(2, 0)
  PUBLISH(2, 1)
  :: d_step { confirmed < EMITS -> confirmed++;
       watermark[0] = MAX(watermark[0], COVERED(owner, 0)); watermark[1] = MAX(watermark[1], COVERED(owner, 1));
       printf("EVENT %c confirms emit %d\n", 65 + owner, confirmed);
       MUST(watermark[0] <= top[0] && watermark[1] <= top[1], "EVENT VIOLATION: an emit counts as published, and stands nowhere\n") }
  :: d_step { owner + 1 < OWNERS -> known[owner] = confirmed; owner++;
       printf("EVENT %c takes over and reads the outputs' tails\n", 65 + owner);
       acked[owner].at[0] = FOUND(0); acked[owner].at[1] = FOUND(1) }
  :: d_step { NEXT(acked[owner].at[0], 0) > confirmed && NEXT(acked[owner].at[1], 1) > confirmed &&
       (NEXT(top[0], 0) <= confirmed || NEXT(top[1], 1) <= confirmed) ->
       MUST(false, "EVENT VIOLATION: nothing is left to publish, and an emit is missing\n") }
  od
}
