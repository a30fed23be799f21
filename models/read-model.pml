/*
 * One key of a compacted read-model partition, written by one owner after the other: J9b of docs/protocol.md.
 *
 * A version is the journal's n. A deposed owner does not know it and goes on publishing what it had confirmed, one request at a
 * time; requests land when they like. The newest record wins, whatever its version. An idle owner looks at the log, and knows what is out
 * of place only by what still stands there: compaction takes away what something later stands over (adr/012).
 */
#ifndef OWNERS
#define OWNERS 3
#endif
#ifndef VERSIONS
#define VERSIONS 4
#endif
#ifndef TOMBSTONE
#define TOMBSTONE 3 /* the version that deletes the key */
#endif
/* Each owner may have to put right each older version once, and no more. */
#define BOUND (OWNERS * VERSIONS)

#define MUST(condition, sentence) \
  if :: (condition) :: else -> printf(sentence); assert(false) fi
#ifdef SHORTEST
#define hidden
#endif

byte owner; /* the one that the journal knows */
byte truth; /* newest version in the journal */
byte top; /* version of the newest record in the topic */
byte best; /* newest version of which a record still stands in the topic */
byte known[OWNERS]; /* newest version that each has confirmed */
bool due[OWNERS]; /* it has still to be published */
byte sent[OWNERS]; /* on its way; version + 1 */
bool gone[OWNERS];
byte heals;

#ifdef OFF_J9B_LOWER /* heals what differs, not what is lower */
#define NEEDS_HEALING(o) top != known[o]
#else
#define NEEDS_HEALING(o) (top < best && best <= known[o])
#endif
#define IDLE(o) (!gone[o] && !due[o] && sent[o] == 0)

#define OWNER(o) \
  :: d_step { owner == o && truth < VERSIONS -> truth++; known[o] = truth; due[o] = true; \
       printf("EVENT %c confirms version %d\n", 65 + o, truth) } \
  :: d_step { !gone[o] && owner >= o && due[o] && sent[o] == 0 -> sent[o] = known[o] + 1; due[o] = false; \
       printf("EVENT %c publishes version %d\n", 65 + o, known[o]) } \
  :: d_step { sent[o] != 0 -> LAND(o) } \
  :: d_step { owner > o && !gone[o] -> gone[o] = true; due[o] = false; printf("EVENT %c is gone\n", 65 + o) } \
  LOOK(o)

#ifdef OFF_J9B_TOMBSTONE /* tombstones carry no version */
#define VERSION_OF(v) ((v) == TOMBSTONE -> 0 : (v))
#else
#define VERSION_OF(v) (v)
#endif
#define LAND(o) \
  top = VERSION_OF(sent[o] - 1); if :: top > best -> best = top :: else fi; \
  printf("EVENT   version %d of %c stands on top\n", sent[o] - 1, 65 + o); sent[o] = 0

#ifdef OFF_J9B_LOOK /* nobody looks again */
#define LOOK(o)
#define LOOKS false
#else
#define LOOKS true
#define LOOK(o) \
  :: d_step { owner >= o && IDLE(o) && known[o] > 0 && NEEDS_HEALING(o) -> due[o] = true; heals++; \
       printf("EVENT %c sees version %d and heals\n", 65 + o, top); \
       MUST(heals <= BOUND, "EVENT VIOLATION: healed again and again: owners undo each other\n") } \
  :: d_step { owner >= o && IDLE(o) && top > known[o] -> gone[o] = true; \
       printf("EVENT %c sees version %d: it is fenced\n", 65 + o, top); \
       MUST(owner > o, "EVENT VIOLATION: the true owner believes that it is fenced\n") }
#endif

#ifdef OFF_J9B_LAG /* what is superseded may go before the owner has looked */
#define HAS_LOOKED true
#else
#define HAS_LOOKED (IDLE(owner) && !(LOOKS && NEEDS_HEALING(owner)))
#endif

active proctype partition() {
end_of_all:
  do
  OWNER(0)
  OWNER(1)
  OWNER(2)
  :: d_step { best != top && HAS_LOOKED -> best = top;
       printf("EVENT   what stood under version %d is compacted away\n", top) }
  :: d_step { owner + 1 < OWNERS -> owner++; known[owner] = truth; due[owner] = truth > 0 && top != VERSION_OF(truth);
       printf("EVENT %c takes over at version %d\n", 65 + owner, truth) }
  :: d_step { sent[0] == 0 && sent[1] == 0 && sent[2] == 0 && IDLE(owner) && truth > 0 &&
       top != VERSION_OF(truth) && !(LOOKS && NEEDS_HEALING(owner)) ->
       MUST(false, "EVENT VIOLATION: all is quiet, and readers see an older version\n") }
  od
}
