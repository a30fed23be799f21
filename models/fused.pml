/*
 * A chain of actors in one task, and deploys that change which of its edges are fused: J6 of docs/protocol.md.
 *
 * Input i makes the first actor emit i to topic 0; the second handles it and emits i to topic 1; the third handles that.
 * An emit over a fused edge is handled at once, in memory, and is published all the same: when it comes back its header
 * says that it was handled. Every step is journaled, so a crash takes nothing but the mode; what is on its way between
 * emit and return is in `emitted` and not yet `returned`.
 */
#ifndef INPUTS
#define INPUTS 3
#endif
#ifndef DEPLOYS
#define DEPLOYS 2
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#define EDGES 2
#define DRAINING 4 /* what the journal says while a changed graph drains; other values are sets of fused edges */

#define MUST(condition, sentence) \
  if :: (condition) :: else -> printf(sentence); assert(false) fi
#ifdef SHORTEST
#define hidden
#endif

typedef Topic { byte id[INPUTS]; byte fused[INPUTS]; byte emitted; byte published; byte returned }
Topic topic[EDGES];
byte handled[EDGES]; /* the highest that the actor behind each edge has handled: the truth is 1, 2, 3 */
byte input;
byte code; /* fused edges of the code that runs */
byte journal; /* what the journal says */
bool drains;
byte deploys, crashes;
hidden byte i, d;

#define NOW_FUSED(e) (!drains && ((code >> e) & 1))
#define UNDER_WAY(e) (topic[e].emitted > topic[e].returned)

inline begin() {
#ifdef OFF_J6_DRAIN /* a changed graph is in force at once */
  journal = code; drains = false
#else
  drains = journal != code && (UNDER_WAY(0) || UNDER_WAY(1) || journal == DRAINING);
#ifndef OFF_J6_DRAINING /* the journal keeps the old graph's hash while the new one drains */
  journal = (drains -> DRAINING : code);
#else
  journal = (drains -> journal : code);
#endif
#endif
}

inline handleAt(e, what) {
  printf("EVENT   actor %d handles %d\n", e + 2, what);
  MUST(what == handled[e] + 1, "EVENT VIOLATION: an actor handles an event twice, late, or not at all\n");
  handled[e] = what
}

inline emit(e, what) {
  topic[e].id[topic[e].emitted] = what; topic[e].fused[topic[e].emitted] = NOW_FUSED(e); topic[e].emitted++
}

#define RETURN(e) \
  topic[e].published > topic[e].returned -> \
    i = topic[e].id[topic[e].returned]; d = topic[e].fused[topic[e].returned]; topic[e].returned++; \
    printf("EVENT %d returns on topic %d\n", i, e)
#ifdef OFF_J6_HEADER /* what was handled in memory is handled again when it returns */
#define IS_KNOWN(e) false
#else
#ifdef OFF_J6_CODE /* the running code says what was handled in memory, not the record */
#define IS_KNOWN(e) NOW_FUSED(e)
#else
#define IS_KNOWN(e) d
#endif
#endif

active proctype task() {
  if :: code = 0 :: code = 1 :: code = 2 :: code = 3 fi;
  journal = code;
end_of_all:
  do
  :: d_step { input < INPUTS && !drains ->
       input++; printf("EVENT input %d is handled, fused edges %d\n", input, code);
       emit(0, input);
       if :: NOW_FUSED(0) -> handleAt(0, input); emit(1, input); i = 1 :: else -> i = 0 fi;
       if :: i && NOW_FUSED(1) -> handleAt(1, input) :: else fi }
  :: d_step { topic[0].emitted > topic[0].published -> topic[0].published++ }
  :: d_step { topic[1].emitted > topic[1].published -> topic[1].published++ }
  :: d_step { RETURN(0);
       if
       :: IS_KNOWN(0)
       :: else -> handleAt(0, i); emit(1, i);
         if :: NOW_FUSED(1) -> handleAt(1, i) :: else fi
       fi }
  :: d_step { RETURN(1);
       if :: IS_KNOWN(1) :: else -> handleAt(1, i) fi }
  :: d_step { drains && !UNDER_WAY(0) && !UNDER_WAY(1) -> drains = false; journal = code; printf("EVENT drained\n") }
  :: d_step { crashes < CRASHES -> crashes++; begin(); printf("EVENT crash; the same code takes the task again\n") }
  :: deploys < DEPLOYS -> atomic { deploys++;
       if :: code = 0 :: code = 1 :: code = 2 :: code = 3 fi;
       d_step { begin(); printf("EVENT deploy: fused edges are now %d\n", code) } }
  :: d_step { input == INPUTS && !drains && !UNDER_WAY(0) && !UNDER_WAY(1) &&
       (handled[0] < INPUTS || handled[1] < INPUTS) ->
       MUST(false, "EVENT VIOLATION: nothing is left to do, and an actor lacks an event\n") }
  od
}
