/*
 * One journal partition, its owners, one output partition and one deletion request: J1-J5, J9 and J9a of
 * docs/protocol.md. Each option of the loop at the end is one event; nothing else is atomic.
 *
 * Appends, publishes and DeleteRecords travel and land when they like, also after their sender died or was fenced.
 * What is lost never lands. `log` is never cut: it is the truth (the ghost) that states, emits and positions are
 * compared with; what DeleteRecords took away lies below `start`. The acknowledgement is handed over as a record
 * lands; what an owner does with it is an event of its own, at any later time.
 *
 * Sizes: INC owners one after the other, at most two at once; PIPE appends of one owner on their way; LA and LB inputs
 * of two sources; KEYMASK and DELMASK: inputs of key 1, inputs that delete; DUPS doubled appends; OVERTAKE; PUB with
 * PDUPS doubled publishes; CLEANS cleanings; STORE local stores; LOSS acknowledged records that the broker loses.
 * A switch OFF_… turns one rule off: the run must then find a violation.
 */
#ifndef INC
#define INC 3
#endif
#ifndef PIPE
#define PIPE 1
#endif
#ifndef LA
#define LA 1
#endif
#ifndef LB
#define LB 1
#endif
#ifndef KEYMASK
#define KEYMASK 0
#endif
#ifndef DELMASK
#define DELMASK 0
#endif
#ifndef DUPS
#define DUPS 0
#endif
#ifndef PDUPS
#define PDUPS 0
#endif
#ifndef CLEANS
#define CLEANS 0
#endif
#ifndef LOSS
#define LOSS 0
#endif
#ifndef LOG
#define LOG 12
#endif
#if KEYMASK
#define KEYS 2
#else
#define KEYS 1
#endif
#if defined(OFF_J3A) || defined(OFF_J9_NEWEST)
#define BEFORE
#endif
#ifdef OFF_J5_INFLIGHT
#define REQUESTS 2
#else
#define REQUESTS 1
#endif

/* A journal record in one integer. A fence is named by its offset + 1, so that 0 names none. */
#define FENCE 1
#define BATCH 2
#define ANCHOR 3
#define AGAIN 4 /* a state put again behind an anchor; its `op` is the key + 1 */
#define RECORD(kind, by, fence, n, op, st, pa, pb, wm) \
  (kind | by << 3 | fence << 5 | n << 9 | op << 13 | st << 16 | pa << 24 | pb << 26 | wm << 28)
#define KIND(r) (r & 7)
#define BY(r) ((r >> 3) & 3)
#define TERM(r) ((r >> 5) & 15)
#define N(r) ((r >> 9) & 15)
#define OP(r) ((r >> 13) & 7)
#define ST(r) ((r >> 16) & 255)
#define PA(r) ((r >> 24) & 3)
#define PB(r) ((r >> 26) & 3)
#define WM(r) ((r >> 28) & 15)

/* Inputs: 1, 2 of the first source, 3, 4 of the second. A state is the list of the inputs that made it. */
#define KEY(op) ((KEYMASK >> op) & 1)
#define AFTER(st, op) (((DELMASK >> op) & 1) -> 0 : (st * 5 + op) & 255)
/* Emits by number: three bits each. */
#define EMIT(list, n) ((list >> (3 * (n))) & 7)
#define PUT(list, n, op) (list | (op << (3 * (n))))
#define DROP(list, n) (list & ~(7 << (3 * (n))))
#define MAX(a, b) (a > b -> a : b)

typedef Ctx { byte fence; byte by; byte n; byte st[KEYS]; byte pa; byte pb; byte wm }

#define OFF 0
#define FENCING 1
#define READING 2
#define RUNNING 3
typedef Owner {
  byte phase; byte inc; byte fence; byte due; byte at; byte flying; Ctx c;
  int emits; /* confirmed and not yet acknowledged by the output */
  byte cleaning; byte anchor; byte anchorN; byte again; byte covered;
#ifdef BEFORE
  Ctx before;
#endif
}
typedef Queue { int r[PIPE]; byte count }
typedef Requests { byte r[REQUESTS] }
typedef Store { byte at; Ctx c }

Owner own[2];
byte started;
int log[LOG];
byte end, start;
Queue net[INC];
int copy;
byte dups;
Requests out[INC]; /* publishes on their way, input << 4 | n */
byte outCopy, outDups;
byte cut, cleans; /* a DeleteRecords on its way */
byte losses;
#ifdef STORE
Store store[2];
#endif
#ifdef OFF_J4
byte groupA, groupB;
#endif

/* The truth, kept as records land. */
Ctx truth;
int emitted; /* by valid batches */
byte lastEmit, top; /* newest of them; newest that stands in the output */

/* Scratch, written before it is read in each event. Breadth-first search (the shortest trace) knows no hidden ones. */
#ifdef SHORTEST
#define hidden
#endif
/* A canary has to fail at one of these, and nowhere else. */
#define MUST(condition, sentence) \
  if :: (condition) :: else -> printf(sentence); assert(false) fi

hidden Ctx x;
hidden int rec;
hidden byte k, m, who;

#ifdef OFF_J2_OWNER /* validity by owner, not by fence and number */
#define VALID(c, r) (BY(r) == c.by)
#else
#ifdef OFF_J2_OFFSET /* owner and number, but not the fence's offset */
#define VALID(c, r) (BY(r) == c.by && N(r) == c.n + 1)
#else
#define VALID(c, r) (TERM(r) == c.fence && N(r) == c.n + 1)
#endif
#endif

inline clear(ctx) {
  ctx.fence = 0; ctx.by = 0; ctx.n = 0; ctx.pa = 0; ctx.pb = 0; ctx.wm = 0; ctx.st[0] = 0;
#if KEYS == 2
  ctx.st[1] = 0;
#endif
}

inline assign(ctx, from) {
  ctx.fence = from.fence; ctx.by = from.by; ctx.n = from.n; ctx.pa = from.pa; ctx.pb = from.pb; ctx.wm = from.wm; ctx.st[0] = from.st[0];
#if KEYS == 2
  ctx.st[1] = from.st[1];
#endif
}

#if KEYS == 2
#define SAME(c, d) (c.n == d.n && c.pa == d.pa && c.pb == d.pb && c.st[0] == d.st[0] && c.st[1] == d.st[1])
#else
#define SAME(c, d) (c.n == d.n && c.pa == d.pa && c.pb == d.pb && c.st[0] == d.st[0])
#endif

inline take(ctx, what) {
  ctx.n = N(what); ctx.pa = PA(what); ctx.pb = PB(what); ctx.wm = MAX(ctx.wm, WM(what));
  if
  :: KIND(what) == BATCH -> ctx.st[KEY(OP(what))] = ST(what)
  :: KIND(what) == AGAIN -> ctx.st[OP(what) - 1] = ST(what)
  :: else
  fi
}

/* What a reader makes of the record at `offset`. */
inline read(ctx, what, offset) {
  if
  :: KIND(what) == FENCE -> ctx.fence = offset + 1; ctx.by = BY(what)
  :: KIND(what) != FENCE && VALID(ctx, what) -> take(ctx, what)
  :: else
  fi
}

/* What a reader makes of the first record of a log that was cut. */
inline adopt(ctx, what, offset) {
  clear(ctx);
  if
  :: KIND(what) == FENCE -> ctx.fence = offset + 1; ctx.by = BY(what)
  :: else -> ctx.fence = TERM(what); ctx.by = BY(what); take(ctx, what)
  fi
}

inline replay(ctx, upTo) {
  clear(ctx); m = 0;
  do :: m < upTo -> read(ctx, log[m], m); m++ :: else -> break od
}

#ifdef PUB
#define ALL_PUBLISHED(upTo) \
  m = top + 1; \
  do \
  :: m <= upTo -> MUST(EMIT(emitted, m) == 0, "EVENT VIOLATION: an emit counts as published, or is deleted, and stands nowhere\n"); m++ \
  :: else -> break \
  od
#else
#define ALL_PUBLISHED(upTo)
#endif

/* rec lands at `end`: the truth moves, and is checked. */
inline land() {
  assert(end < LOG);
  if
  :: KIND(rec) == BATCH && VALID(truth, rec) ->
    MUST((OP(rec) <= 2 -> (OP(rec) == truth.pa + 1 && PA(rec) == truth.pa + 1 && PB(rec) == truth.pb)
                        : (OP(rec) == truth.pb + 3 && PB(rec) == truth.pb + 1 && PA(rec) == truth.pa)),
      "EVENT VIOLATION: the valid journal holds an input twice, skips one, or is built on a state that lacks one\n");
    MUST(ST(rec) == AFTER(truth.st[KEY(OP(rec))], OP(rec)), "EVENT VIOLATION: a state does not follow from the one before it\n");
    emitted = PUT(emitted, N(rec), OP(rec)); lastEmit = N(rec);
    ALL_PUBLISHED(WM(rec))
  :: KIND(rec) >= ANCHOR && VALID(truth, rec) ->
    MUST(PA(rec) == truth.pa && PB(rec) == truth.pb, "EVENT VIOLATION: cleaning moved the positions\n");
    MUST(KIND(rec) == ANCHOR || ST(rec) == truth.st[OP(rec) - 1], "EVENT VIOLATION: cleaning put back an older state\n");
    ALL_PUBLISHED(WM(rec))
  :: else
  fi;
  read(truth, rec, end);
  log[end] = rec; end++
}

inline leave(i) { /* crash, or given up: all it had in memory is gone */
  own[i].phase = OFF; own[i].inc = 0; own[i].fence = 0; own[i].due = 0; own[i].at = 0; own[i].flying = 0;
  clear(own[i].c); own[i].emits = 0;
  own[i].cleaning = 0; own[i].anchor = 0; own[i].anchorN = 0; own[i].again = 0; own[i].covered = 0
#ifdef BEFORE
  ; clear(own[i].before)
#endif
}

inline send(i, what) { net[own[i].inc].r[net[own[i].inc].count] = what; net[own[i].inc].count++ }

/* m becomes the watermark of slot i: all emits up to it are acknowledged. */
inline watermark(i) {
  m = 1;
  do :: m <= own[i].c.n - own[i].flying && EMIT(own[i].emits, m) == 0 -> m++ :: else -> break od;
  m--
}

inline append(i, kind, op, state) {
  watermark(i);
  own[i].c.n++; own[i].flying++;
  rec = RECORD(kind, own[i].inc, own[i].fence, own[i].c.n, op, state, own[i].c.pa, own[i].c.pb, m);
  send(i, rec)
}

inline handle(i, op) {
#ifdef OFF_J3A
  if :: own[i].flying == 0 -> assign(own[i].before, own[i].c) :: else fi;
#endif
  own[i].c.st[KEY(op)] = AFTER(own[i].c.st[KEY(op)], op);
  own[i].again = own[i].again & ~(1 << KEY(op));
  append(i, BATCH, op, own[i].c.st[KEY(op)]);
#ifdef OFF_J1 /* published before it is confirmed */
  own[i].emits = PUT(own[i].emits, own[i].c.n, op);
#endif
  printf("EVENT %c handles input %d and appends it as n%d\n", 65 + own[i].inc, op, own[i].c.n)
}

/* The own fence stands at end - 1. */
inline fenced(i) {
  own[i].fence = end; own[i].due = end; own[i].phase = READING;
#ifdef STORE
  if
#ifdef OFF_J9A_START /* a checkpoint below the log's start is used */
  :: store[i].at > 0 && store[i].at <= end - 1 ->
#else
#if defined(OFF_J9A_CHECK) || defined(OFF_J9A_EARLY) /* the record before the checkpoint is not looked at */
  :: store[i].at > start && store[i].at <= end - 1 ->
#else
  :: store[i].at > start && store[i].at <= end - 1 && KIND(log[store[i].at - 1]) != FENCE &&
     TERM(log[store[i].at - 1]) == store[i].c.fence && N(log[store[i].at - 1]) == store[i].c.n ->
#endif
#endif
    assign(own[i].c, store[i].c); own[i].at = MAX(store[i].at, start)
  :: else -> own[i].at = start
  fi
#else
  own[i].at = start
#endif
}

inline readNext(i) {
  if
#ifdef OFF_J9_RESTART /* goes on at the new start with what it has */
  :: own[i].at < start ->
    own[i].at = start; own[i].c.fence = TERM(log[start]); own[i].c.n = N(log[start]) - 1
#else
  :: own[i].at < start -> own[i].at = start; own[i].emits = 0; clear(own[i].c)
#endif
  :: else
  fi;
  rec = log[own[i].at];
  if
  :: own[i].at > 0 && own[i].at == start && own[i].c.fence == 0 -> adopt(own[i].c, rec, own[i].at)
  :: else ->
    if
    :: KIND(rec) == BATCH && VALID(own[i].c, rec) -> own[i].emits = PUT(own[i].emits, N(rec), OP(rec))
    :: else
    fi;
    read(own[i].c, rec, own[i].at)
  fi;
  own[i].at++
}

/* The own fence is read: what does the output lack? */
inline begin(i) {
  own[i].phase = RUNNING; own[i].at = 0;
  replay(x, own[i].fence);
  MUST(SAME(own[i].c, x), "EVENT VIOLATION: what was restored is not what the valid journal says\n");
  m = MAX(own[i].c.wm, top); k = 1;
#ifdef OFF_J5_AGAIN /* nothing is published again on takeover */
  m = own[i].c.n;
#endif
  do :: k <= m -> own[i].emits = DROP(own[i].emits, k); k++ :: else -> break od;
  own[i].c.wm = 0; own[i].c.fence = own[i].fence;
#ifdef OFF_J9_NEWEST
  assign(own[i].before, own[i].c);
#endif
#ifdef OFF_J4 /* positions are the group's, not the journal's */
  own[i].c.pa = groupA; own[i].c.pb = groupB;
#endif
  printf("EVENT %c has read the journal to its fence and begins after n%d\n", 65 + own[i].inc, own[i].c.n)
}

#define HAS_FENCE_BETWEEN(from, to) \
  m = from; do :: m < to && KIND(log[m]) != FENCE -> m++ :: else -> break od

/* rec, appended by slot i, is acknowledged and stands at end - 1. */
inline acknowledge(i) {
  if
  :: own[i].phase == FENCING -> fenced(i)
  :: own[i].phase == RUNNING ->
    k = own[i].c.n - own[i].flying + 1; /* the oldest on its way */
    HAS_FENCE_BETWEEN(own[i].due, end - 1);
    if
#ifndef OFF_J1_ORDER /* a batch is confirmed though one before it is not */
    :: N(rec) != k || end - 1 < own[i].due -> leave(i)
#else
    :: end - 1 < own[i].due -> leave(i)
#endif
#ifndef OFF_J3 /* the gap is not read */
    :: N(rec) == k && end - 1 >= own[i].due && m < end - 1 ->
      printf("EVENT %c finds the fence of another in the gap and gives up\n", 65 + own[i].inc);
      leave(i)
#endif
    :: else ->
      own[i].due = end; own[i].flying--;
      if
      :: KIND(rec) == BATCH ->
#if defined(PUB) && !defined(OFF_J1)
        own[i].emits = PUT(own[i].emits, N(rec), OP(rec));
#endif
#ifndef PUB
        own[i].emits = 0; /* without publishes, being confirmed is the promise */
        MUST(EMIT(emitted, N(rec)) == OP(rec), "EVENT VIOLATION: a confirmed batch is not in the valid journal\n")
#endif
        ;
      :: KIND(rec) == ANCHOR -> own[i].anchor = end
      :: else
      fi;
#ifdef OFF_J9_NEWEST
      if :: KIND(rec) == BATCH -> own[i].before.st[KEY(OP(rec))] = ST(rec) :: else fi;
#endif
      if
      :: own[i].cleaning && own[i].anchor -> own[i].covered = MAX(own[i].covered, WM(rec))
      :: else
      fi
    fi
  :: else
  fi
}

#define AT_WORK(i, b) (own[i].phase != OFF && own[i].inc == b)
inline acknowledgeTo(b) {
  if
  :: AT_WORK(0, b) -> acknowledge(0)
  :: AT_WORK(1, b) -> acknowledge(1)
  :: else
  fi
}

inline report(what) {
  if
  :: KIND(what) == FENCE -> printf("EVENT   the fence of %c stands at %d\n", 65 + BY(what), end)
  :: KIND(what) == BATCH -> printf("EVENT   n%d of %c (input %d) stands at %d\n", N(what), 65 + BY(what), OP(what), end)
  :: KIND(what) == ANCHOR -> printf("EVENT   the anchor n%d of %c stands at %d\n", N(what), 65 + BY(what), end)
  :: KIND(what) == AGAIN -> printf("EVENT   n%d of %c (key %d again) stands at %d\n", N(what), 65 + BY(what), OP(what) - 1, end)
  fi
}

inline unqueue(b, j) {
  net[b].count--; m = j;
  do :: m < net[b].count -> net[b].r[m] = net[b].r[m + 1]; m++ :: else -> break od;
  net[b].r[net[b].count] = 0
}

#ifdef BOUNDED /* a sample only: paths end where the log is full */
#define ROOM end < LOG
#else
#define ROOM true
#endif
#define APPENDS(b, j) \
  :: d_step { ROOM && net[b].count > j -> rec = net[b].r[j]; report(rec); unqueue(b, j); land(); acknowledgeTo(b) } \
  :: d_step { ROOM && dups < DUPS && net[b].count > j -> dups++; rec = net[b].r[j]; \
       printf("EVENT   doubled, and acknowledged for the second:\n"); report(rec); land() } \
  :: d_step { ROOM && dups < DUPS && copy == 0 && net[b].count > j -> dups++; rec = net[b].r[j]; copy = rec; \
       printf("EVENT   doubled, a copy travels on:\n"); report(rec); unqueue(b, j); land(); acknowledgeTo(b) }

/* A publish lands: the output's truth is checked. */
inline stand(p) {
  m = p & 15;
  printf("EVENT   n%d stands in the output\n", m);
  MUST(EMIT(emitted, m) == p >> 4, "EVENT VIOLATION: published, and not in the valid journal\n");
  if
  :: m > top ->
    k = top + 1;
    do
    :: k < m -> MUST(EMIT(emitted, k) == 0, "EVENT VIOLATION: an emit stands in the output before an earlier one\n"); k++
    :: else -> break
    od;
    top = m
  :: else
  fi
}

inline published(b, p) {
  if
  :: AT_WORK(0, b) -> own[0].emits = DROP(own[0].emits, (p & 15))
  :: AT_WORK(1, b) -> own[1].emits = DROP(own[1].emits, (p & 15))
  :: else
  fi
}

#define PUBLISHES(b, j) \
  :: d_step { out[b].r[j] != 0 -> who = out[b].r[j]; out[b].r[j] = 0; stand(who); published(b, who) } \
  :: d_step { outDups < PDUPS && out[b].r[j] != 0 -> outDups++; who = out[b].r[j]; \
       printf("EVENT   the answer is lost, the same is sent again:\n"); stand(who) } \
  :: d_step { outDups < PDUPS && outCopy == 0 && out[b].r[j] != 0 -> outDups++; who = out[b].r[j]; outCopy = who; \
       out[b].r[j] = 0; printf("EVENT   doubled, a copy travels on:\n"); stand(who); published(b, who) }

/* The oldest emit of slot i that is not on its way, k; 0 without one. */
inline nextEmit(i) {
  k = 1;
  do
  :: k <= own[i].c.n && (EMIT(own[i].emits, k) == 0 || (REQUESTS == 2 && (out[own[i].inc].r[0] & 15) == k)) -> k++
  :: else -> break
  od;
  if :: k > own[i].c.n -> k = 0 :: else fi
}

#define IDLE(i) (own[i].phase == RUNNING && own[i].flying == 0)
#define CAN_APPEND(i) (own[i].phase == RUNNING && own[i].flying < PIPE && net[own[i].inc].count < PIPE)
#if defined(STORE)
#define TURN(i) own[i].phase == OFF
#else
#define TURN(i) own[i].phase == OFF && (i == 0 || own[0].phase != OFF) /* slots are alike */
#endif
#ifdef OFF_J9_EARLY /* deletes before what it put again is confirmed */
#define SETTLED(i) own[i].phase == RUNNING
#else
#define SETTLED(i) IDLE(i)
#endif
#if !defined(PUB) || defined(OFF_J9_WATERMARK) /* deletes emits that are not published */
#define COVERED(i) true
#else
#define COVERED(i) own[i].covered + 1 >= own[i].anchorN
#endif
#ifdef OFF_J9_NEWEST /* puts again what was confirmed when the anchor was sent, not the newest */
#define NEWEST(i, key) own[i].before.st[key]
#else
#define NEWEST(i, key) own[i].c.st[key]
#endif

#define OWNER(i) \
  :: d_step { started < INC && TURN(i) -> \
       own[i].phase = FENCING; own[i].inc = started; started++; \
       rec = RECORD(FENCE, own[i].inc, 0, 0, 0, 0, 0, 0, 0); send(i, rec); \
       printf("EVENT %c starts and sends its fence\n", 65 + own[i].inc) } \
  :: d_step { own[i].phase != OFF -> printf("EVENT %c crashes, or gives up\n", 65 + own[i].inc); leave(i) } \
  :: d_step { CAN_APPEND(i) && own[i].c.pa < LA -> \
       own[i].c.pa++; handle(i, own[i].c.pa) } \
  :: d_step { CAN_APPEND(i) && own[i].c.pb < LB -> \
       own[i].c.pb++; handle(i, (own[i].c.pb + 2)) }

#define READER(i) \
  :: d_step { own[i].phase == READING && (CLEANS == 0 || own[i].at >= own[i].fence) -> \
       do :: own[i].at < own[i].fence -> readNext(i) :: else -> break od; begin(i) }

#define CLEANER(i) \
  :: d_step { own[i].phase == READING && own[i].fence > start && own[i].at < own[i].fence -> \
       readNext(i); printf("EVENT %c has read the journal to %d\n", 65 + own[i].inc, own[i].at) } \
  :: d_step { own[i].phase == READING && own[i].fence <= start -> \
       FENCE_GONE(i) } \
  :: d_step { CAN_APPEND(i) && own[i].cleaning == 0 && cleans < CLEANS && own[i].c.n > 0 -> \
       cleans++; own[i].cleaning = 1; own[i].again = LIVE(i); START_CLEANING(i) } \
  :: d_step { CAN_APPEND(i) && own[i].cleaning && (own[i].again & 1) -> PUT_AGAIN(i, 0) } \
  CLEANER_KEY_1(i) \
  :: d_step { own[i].cleaning && own[i].again == 0 && own[i].anchor && cut == 0 && SETTLED(i) && COVERED(i) -> \
       cut = own[i].anchor; own[i].cleaning = 0; own[i].anchor = 0; own[i].anchorN = 0; own[i].covered = 0; \
       printf("EVENT %c asks to delete the records below %d\n", 65 + own[i].inc, cut - 1) }

/* Nothing is left to do for the owner in slot i: all that was emitted stands in the output. */
#define QUIET(i) \
  :: d_step { IDLE(i) && own[i].emits == 0 && own[i].fence == truth.fence && own[i].c.pa == LA && own[i].c.pb == LB && \
       out[own[i].inc].r[0] == 0 && lastEmit > top -> \
       MUST(false, "EVENT VIOLATION: nothing is left to do, and an emit is missing\n") }

inline deleteRecords() {
  if
  :: cut - 1 > start && cut - 1 < end ->
    start = cut - 1;
    printf("EVENT   the records below %d are deleted\n", start);
    adopt(x, log[start], start);
    m = start + 1;
    do :: m < end -> read(x, log[m], m); m++ :: else -> break od;
    MUST(SAME(x, truth) && x.fence == truth.fence, "EVENT VIOLATION: a restore from the log's start gives another state than the whole journal\n");
    replay(x, start);
    k = x.n;
    ALL_PUBLISHED(k);
  :: else
  fi;
  cut = 0
}

inline loseLast() {
  losses++; end--; log[end] = 0;
  printf("EVENT   the broker loses the acknowledged record at %d\n", end);
  replay(x, end); assign(truth, x);
  k = truth.n + 1;
  do :: k < 10 -> emitted = DROP(emitted, k); k++ :: else -> break od;
  k = 0
}

/* The journal's end is read, the batch is not there: goes on without it. */
#define TIMEOUT(i) \
  :: d_step { own[i].phase == RUNNING && own[i].flying == 1 && net[own[i].inc].count == 1 && copy == 0 && \
       truth.fence == own[i].fence -> \
       copy = net[own[i].inc].r[0]; net[own[i].inc].r[0] = 0; net[own[i].inc].count = 0; \
       assign(own[i].c, own[i].before); own[i].flying = 0; \
       printf("EVENT %c waits no longer, does not find its batch, goes on after n%d\n", 65 + own[i].inc, own[i].c.n) }

#define COMMIT(i) \
  :: d_step { IDLE(i) && (groupA != own[i].c.pa || groupB != own[i].c.pb) -> \
       groupA = own[i].c.pa; groupB = own[i].c.pb; \
       printf("EVENT %c commits its positions to the group\n", 65 + own[i].inc) }

#ifdef OFF_J9_FENCE /* does not see that its own fence was deleted */
#define FENCE_GONE(i) adopt(own[i].c, log[start], start); begin(i)
#else
#define FENCE_GONE(i) printf("EVENT %c finds its own fence deleted and gives up\n", 65 + own[i].inc); leave(i)
#endif
#ifdef OFF_J9_ANCHOR /* deletes up to where it stands, no anchor there */
#define START_CLEANING(i) own[i].anchor = own[i].due + 1; \
  printf("EVENT %c starts to clean without an anchor\n", 65 + own[i].inc)
#else
#define START_CLEANING(i) append(i, ANCHOR, 0, 0); own[i].anchorN = own[i].c.n; \
  printf("EVENT %c starts to clean and appends its anchor as n%d\n", 65 + own[i].inc, own[i].c.n)
#endif
#define PUT_AGAIN(i, key) own[i].again = own[i].again & ~(1 << key); append(i, AGAIN, (key + 1), NEWEST(i, key)); \
  printf("EVENT %c puts key %d again, as n%d\n", 65 + own[i].inc, key, own[i].c.n)
#if KEYS == 2
#define LIVE(i) (own[i].c.st[0] != 0) | ((own[i].c.st[1] != 0) << 1)
#define CLEANER_KEY_1(i) \
  :: d_step { CAN_APPEND(i) && own[i].cleaning && (own[i].again & 2) -> PUT_AGAIN(i, 1) }
#else
#define LIVE(i) (own[i].c.st[0] != 0)
#define CLEANER_KEY_1(i)
#endif

#define PUBLISHER(i) \
  :: d_step { own[i].phase == RUNNING && own[i].emits != 0 && out[own[i].inc].r[REQUESTS - 1] == 0 -> nextEmit(i); \
       if :: k > 0 -> \
         m = (out[own[i].inc].r[0] == 0 -> 0 : REQUESTS - 1); \
         out[own[i].inc].r[m] = EMIT(own[i].emits, k) << 4 | k; \
         printf("EVENT %c publishes n%d\n", 65 + own[i].inc, k) \
       :: else fi }

#ifdef OFF_J9A_EARLY /* written before it is confirmed */
#define MAY_STORE(i) own[i].phase == RUNNING
#else
#define MAY_STORE(i) IDLE(i)
#endif
#define STORER(i) \
  :: d_step { MAY_STORE(i) && store[i].at != own[i].due + own[i].flying && own[i].c.n > 0 && \
       KIND(log[own[i].due - 1]) != FENCE -> \
       store[i].at = own[i].due + own[i].flying; assign(store[i].c, own[i].c); \
       printf("EVENT %c writes its store: all before %d\n", 65 + own[i].inc, store[i].at) }

active proctype world() {
end_of_all:
  do
  OWNER(0)
  OWNER(1)
  READER(0)
  READER(1)
  APPENDS(0, 0)
#if INC > 1
  APPENDS(1, 0)
#endif
#if INC > 2
  APPENDS(2, 0)
#endif
#if defined(OVERTAKE) && PIPE > 1
  APPENDS(0, 1)
#if INC > 1
  APPENDS(1, 1)
#endif
#if INC > 2
  APPENDS(2, 1)
#endif
#endif
#if DUPS || defined(OFF_J3A)
  :: d_step { ROOM && copy != 0 -> rec = copy; copy = 0; printf("EVENT   late, to nobody:\n"); report(rec); land() }
#endif
#ifdef PUB
  PUBLISHER(0)
  PUBLISHER(1)
  PUBLISHES(0, 0)
#if INC > 1
  PUBLISHES(1, 0)
#endif
#if INC > 2
  PUBLISHES(2, 0)
#endif
#if REQUESTS == 2
  PUBLISHES(0, 1)
#if INC > 1
  PUBLISHES(1, 1)
#endif
#endif
#if PDUPS
  :: d_step { outCopy != 0 -> who = outCopy; outCopy = 0; printf("EVENT   the copy lands:\n"); stand(who) }
#endif
  QUIET(0)
  QUIET(1)
#endif
#if CLEANS
  CLEANER(0)
  CLEANER(1)
  :: d_step { cut != 0 -> deleteRecords() }
#if CLEANS > 1
  :: d_step { cut != 0 -> cut = 0; printf("EVENT   the request to delete is lost\n") }
#endif
#endif
#ifdef STORE
  STORER(0)
  STORER(1)
#endif
#if LOSS
  :: d_step { losses < LOSS && own[0].phase == OFF && own[1].phase == OFF && end > start &&
       KIND(log[end - 1]) != FENCE -> loseLast() }
#endif
#ifdef OFF_J3A
  TIMEOUT(0)
  TIMEOUT(1)
#endif
#ifdef OFF_J4
  COMMIT(0)
  COMMIT(1)
#endif
  od
}
