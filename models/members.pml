/*
 * Two members and one task: who may fence, J5a of docs/protocol.md. The group assigns the task to one member at a time; the
 * other does not know it until its heartbeat is answered. A fence takes the task from whoever has it, and nothing else does.
 */
#ifndef REBALANCES
#define REBALANCES 3
#endif
/* A rebalance may cost the new member's fence, a late one of the old member, and one to take it back. */
#define BOUND (3 * (REBALANCES + 1))

#define MUST(condition, sentence) \
  if :: (condition) :: else -> printf(sentence); assert(false) fi

byte assigned; /* by the group */
bool believes[2]; /* to have the task */
byte owner = 2; /* whose fence is the last in the journal */
bool works[2]; /* has read its own fence, and no later one */
bool fenced[2]; /* has read the other's fence since its last successful heartbeat */
byte rebalances, fences;

#ifdef OFF_J5A_HEARTBEAT /* a fenced member that believes to be assigned fences again at once */
#define MAY_FENCE(m) (believes[m])
#else
#define MAY_FENCE(m) (believes[m] && !fenced[m])
#endif
#ifdef OFF_J5A_AGAIN /* a fenced member never fences again */
#define FORGET(m) skip
#define MAY_LEARN(m) (assigned == m && !believes[m])
#else
#define FORGET(m) fenced[m] = false
#define MAY_LEARN(m) (assigned == m && (!believes[m] || fenced[m]))
#endif

#define MEMBER(m) \
  :: d_step { MAY_FENCE(m) && !works[m] -> \
       owner = m; works[m] = true; fences++; printf("EVENT %c fences the task\n", 65 + m); \
       MUST(fences <= BOUND, "EVENT VIOLATION: members fence each other for ever\n") } \
  :: d_step { works[m] && owner != m -> \
       works[m] = false; fenced[m] = true; printf("EVENT %c reads the other's fence\n", 65 + m) } \
  :: d_step { MAY_LEARN(m) -> \
       believes[m] = true; FORGET(m); printf("EVENT %c's heartbeat succeeds: the task is its own\n", 65 + m) } \
  :: d_step { assigned != m && believes[m] -> \
       believes[m] = false; works[m] = false; FORGET(m); printf("EVENT %c's heartbeat fails: it rejoins\n", 65 + m) }

active proctype group() {
end_of_all:
  do
  MEMBER(0)
  MEMBER(1)
  :: d_step { rebalances < REBALANCES -> rebalances++; assigned = 1 - assigned;
       printf("EVENT the group gives the task to %c\n", 65 + assigned) }
  :: d_step { rebalances == REBALANCES && !believes[1 - assigned] && !works[assigned] && !MAY_FENCE(assigned) &&
       !MAY_LEARN(assigned) ->
       MUST(false, "EVENT VIOLATION: nobody owns the task, and nobody takes it\n") }
  od
}
