/*
 * One source partition and its reader: duplicates are known by origin, J7a of docs/protocol.md.
 *
 * KIND 1, records of our tasks: numbers come first in order (J5) and again at any time. KIND 2, records of an SDK with
 * (incarnation, sequence): in any order, each again at any time, two incarnations mixed. KIND 3, foreign records with an event
 * id: in any order, again while the id is among the key's last WINDOW. A record may be dead-lettered and redriven. The reader
 * crashes and goes on from what it journaled: position and marks, together.
 */
#ifndef KIND
#define KIND 2
#endif
#ifndef LOG
#define LOG 6
#endif
#define IDS 3
#define WINDOW 2

#define MUST(condition, sentence) \
  if :: (condition) :: else -> printf(sentence); assert(false) fi
#ifdef SHORTEST
#define hidden
#endif

byte log[LOG]; /* incarnation << 3 | number */
byte end;
byte top; /* KIND 1: newest number in the log; KIND 3: ids so far */
#if KIND == 3
byte rank[IDS + 1]; /* which id of the key it was, counted from 1 */
#endif
bool redriven; /* what is dead-lettered comes once more */

/* low: everything to it is known; above: bits of what is known above it; ids: the newest last. */
typedef Marks { byte at; byte low[2]; byte above[2]; byte ids[WINDOW]; byte handled[2]; byte dead }
Marks now, saved;
hidden byte x, inc, n, k;
hidden byte isKnown;

inline keep(a, b) {
  b.at = a.at; b.dead = a.dead;
  k = 0;
  do
  :: k < 2 -> b.low[k] = a.low[k]; b.above[k] = a.above[k]; b.ids[k] = a.ids[k]; b.handled[k] = a.handled[k]; k++
  :: else -> break
  od
}

#ifdef OFF_J7A_INCARNATION /* one mark for all incarnations of a producer */
#define LINE 0
#else
#define LINE inc
#endif

inline look() {
#if KIND == 1
  isKnown = n <= now.low[0]
#endif
#if KIND == 2
#ifdef OFF_J7A_SET /* the highest sequence as mark */
  isKnown = n <= now.low[LINE]
#else
  isKnown = n <= now.low[LINE] || ((now.above[LINE] >> n) & 1)
#endif
#endif
#if KIND == 3
  isKnown = now.ids[0] == n || now.ids[1] == n
#endif
}

inline mark() {
#if KIND == 1
  now.low[0] = n
#endif
#if KIND == 2
#ifdef OFF_J7A_SET
  now.low[LINE] = n
#else
  now.above[LINE] = now.above[LINE] | (1 << n);
  do
  :: (now.above[LINE] >> (now.low[LINE] + 1)) & 1 ->
    now.low[LINE]++; now.above[LINE] = now.above[LINE] & ~(1 << now.low[LINE])
  :: else -> break
  od
#endif
#endif
#if KIND == 3
  now.ids[0] = now.ids[1]; now.ids[1] = n
#endif
}

inline arrive(i, m) {
  log[end] = (i) << 3 | (m); end++; printf("EVENT   %d.%d arrives\n", i, m)
}

inline take(dies) {
  x = log[now.at]; inc = x >> 3; n = x & 7; now.at++;
  look();
  if
  :: isKnown ->
    printf("EVENT %d.%d is dropped\n", inc, n);
    MUST((now.handled[inc] >> n) & 1, "EVENT VIOLATION: dropped, and never handled\n")
  :: !isKnown && dies ->
    printf("EVENT %d.%d is dead-lettered\n", inc, n);
    now.dead = n;
#ifdef OFF_J7A_DEAD /* a dead-lettered id enters the seen ids */
    mark()
#endif
    ;
  :: else ->
    printf("EVENT %d.%d is handled\n", inc, n);
    MUST(((now.handled[inc] >> n) & 1) == 0, "EVENT VIOLATION: handled twice\n");
    MUST(KIND != 1 || n == 1 || ((now.handled[inc] >> (n - 1)) & 1), "EVENT VIOLATION: handled before an earlier one\n");
    now.handled[inc] = now.handled[inc] | (1 << n);
    mark()
  fi
}

#if KIND == 1
#define MAY_ARRIVE(i, m) i == 0 && m <= top + 1
#endif
#if KIND == 2
#define MAY_ARRIVE(i, m) true
#endif
#if KIND == 3
#ifdef OFF_J7A_WINDOW /* a copy comes later than the window reaches */
#define MAY_ARRIVE(i, m) i == 0 && m != now.dead
#else
#define MAY_ARRIVE(i, m) i == 0 && m != now.dead && (rank[m] == 0 || top - rank[m] < WINDOW)
#endif
#endif

#if KIND == 3
#define COUNT(m) if :: rank[m] == 0 -> top++; rank[m] = top :: else fi
#else
#define COUNT(m) top = (m == top + 1 && KIND == 1 -> m : top)
#endif
#define ARRIVE(i, m) \
  :: d_step { end < LOG && MAY_ARRIVE(i, m) -> arrive(i, m); COUNT(m) }

active proctype reader() {
end_of_all:
  do
  ARRIVE(0, 1)
  ARRIVE(0, 2)
  ARRIVE(0, 3)
#if KIND == 2
  ARRIVE(1, 1)
  ARRIVE(1, 2)
#endif
  :: d_step { now.at < end -> take(false) }
#if KIND == 3
  :: d_step { now.at + 1 == end && now.dead == 0 && !redriven -> take(true) }
  :: d_step { now.dead != 0 && saved.dead == now.dead && !redriven && end < LOG &&
       ((now.handled[0] >> now.dead) & 1) == 0 ->
       redriven = true; printf("EVENT redrive:\n"); arrive(0, now.dead);
       top++; rank[now.dead] = top; now.dead = 0; saved.dead = 0 }
#endif
  :: d_step { saved.at != now.at -> keep(now, saved); printf("EVENT position and marks are journaled\n") }
  :: d_step { saved.at != now.at ->
#ifdef OFF_J7A_JOURNALED /* positions are journaled, marks are kept in memory only */
       keep(saved, now); now.low[0] = 0; now.low[1] = 0; now.above[0] = 0; now.above[1] = 0;
#else
       keep(saved, now);
#endif
       printf("EVENT the reader crashes and restores\n") }
  od
}
