/*
 * The Synod part of Paxos, for Spin: leaders with their scouts and commanders, acceptors, no replicas.
 *
 * A second statement of what actors/leader and actors/acceptor do, small enough to be searched exhaustively. It is about
 * safety alone: whatever a leader does to be lively (timeouts, pings, retransmission) is a free choice here.
 *
 * - A message once sent is never taken away: so it may arrive at any time, again and again, in any order, or never.
 * - An acceptor's state is durable, and a leader that restarts uses a higher ballot: so a crash is no more than a pause,
 *   or a leader that gives up its ballot.
 * - What a leader proposes for a free slot is the number of its ballot: so all proposals differ.
 *
 * Compiled with one of these it must fail, which shows that its assertions can:
 * -DMINORITY (one vote decides), -DSCOUT_MINORITY (one promise is enough), -DIGNORES_ADOPTED, -DLOWEST (pmin for pmax),
 * -DACCEPTS_BELOW (an acceptor accepts below its ballot), -DFORGETS (an acceptor forgets its ballot).
 */

#define ACCEPTORS 3
#define SLOTS 2
#define LEADERS 2
#define BALLOTS 3 /* ballot b, from 1, belongs to leader (b - 1) % LEADERS; 0 is below all of them */

#define AS(a, s) ((a) * SLOTS + (s))
#define BS(b, s) ((b) * SLOTS + (s))
#define BA(b, a) ((b) * ACCEPTORS + (a))
#define BAS(b, a, s) (BA(b, a) * SLOTS + (s))

/* Messages. A p1b tells, per slot, the ballot of the pvalue accepted last; its value is the one of that ballot's p2a. */
bool p1a[BALLOTS + 1];
bool p1b[(BALLOTS + 1) * ACCEPTORS];
byte p1b_pvalue[(BALLOTS + 1) * ACCEPTORS * SLOTS];
byte p2a[(BALLOTS + 1) * SLOTS]; /* the value; 0: not sent */
byte p2b[(BALLOTS + 1) * SLOTS]; /* how many acceptors have sent it */

/* The state of acceptors (figure 2 of the paper), reduced to one pvalue a slot (section 4.2). */
byte ballot[ACCEPTORS];
byte accepted[ACCEPTORS * SLOTS]; /* the ballot of the pvalue; 0: none */

/* What is true, though nobody may know it yet: the pvalue that a majority accepted, the one with the lowest ballot. */
byte chosen_under[SLOTS];

#define chosen(s) p2a[BS(chosen_under[s], s)]

#ifdef MINORITY
#define VOTES 1
#else
#define VOTES 2
#endif

#ifdef ACCEPTS_BELOW
#define may_accept(a, b) true
#else
#define may_accept(a, b) (b >= ballot[a])
#endif

/* -- acceptors ------------------------------------------------------------- */

/* p1a: promise nothing below b (A1), and tell what was accepted. */
#define ON_P1A(b)                                             \
  :: d_step {                                                 \
       p1a[b] && !p1b[BA(b, a)] && b >= ballot[a] ->          \
       ballot[a] = b;                                         \
       p1b[BA(b, a)] = true;                                  \
       p1b_pvalue[BAS(b, a, 0)] = accepted[AS(a, 0)];         \
       p1b_pvalue[BAS(b, a, 1)] = accepted[AS(a, 1)]          \
     }

/* p2a: accept it unless a higher ballot was promised (A2). R1: no two values are ever chosen for a slot. */
#define ON_P2A(b, s)                                                              \
  :: d_step {                                                                     \
       p2a[BS(b, s)] != 0 && accepted[AS(a, s)] < b && may_accept(a, b) ->        \
       ballot[a] = (b > ballot[a] -> b : ballot[a]);                              \
       accepted[AS(a, s)] = b;                                                    \
       p2b[BS(b, s)]++;                                                           \
       if                                                                         \
       :: p2b[BS(b, s)] == VOTES ->                                               \
          assert(chosen_under[s] == 0 || chosen(s) == p2a[BS(b, s)]);             \
          if                                                                      \
          :: chosen_under[s] == 0 || b < chosen_under[s] -> chosen_under[s] = b   \
          :: else                                                                 \
          fi                                                                      \
       :: else                                                                    \
       fi                                                                         \
     }

proctype acceptor(byte a) {
end:
  do
  ON_P1A(1) ON_P1A(2) ON_P1A(3)
  ON_P2A(1, 0) ON_P2A(2, 0) ON_P2A(3, 0)
  ON_P2A(1, 1) ON_P2A(2, 1) ON_P2A(3, 1)
#ifdef FORGETS
  :: ballot[a] != 0 -> ballot[a] = 0
#endif
  od
}

/* -- leaders --------------------------------------------------------------- */

#ifdef LOWEST
#define pmax(x, y) (x != 0 && (y == 0 || x < y) -> x : y)
#else
#define pmax(x, y) (x > y -> x : y)
#endif

/* The value for a slot that two acceptors told of: the one of pmax, or the leader's own where they told of none (C2, A5). */
#define value_of(x, y, s)                                                                              \
  (pmax(p1b_pvalue[BAS(b, x, s)], p1b_pvalue[BAS(b, y, s)]) != 0                                       \
   -> p2a[BS(pmax(p1b_pvalue[BAS(b, x, s)], p1b_pvalue[BAS(b, y, s)]), s)] : b)

#ifdef IGNORES_ADOPTED
#define adopt(x, y) value[0] = b; value[1] = b
#else
#define adopt(x, y) value[0] = value_of(x, y, 0); value[1] = value_of(x, y, 1)
#endif

#define ADOPTED(x, y)                                \
  :: d_step {                                        \
       p1b[BA(b, x)] && p1b[BA(b, y)] ->             \
       adopt(x, y);                                  \
       close_scout()                                 \
     }

/* A commander for slot s, once (C1). A value that is chosen under a lower ballot is the only one it may have (C2). */
#define COMMAND(s)                                                                      \
  :: d_step {                                                                           \
       value[s] != 0 && p2a[BS(b, s)] == 0 ->                                           \
       p2a[BS(b, s)] = value[s];                                                        \
       assert(chosen_under[s] == 0 || b < chosen_under[s] || value[s] == chosen(s))     \
     }

/* Nobody reads the answers to this p1a any more: forgetting them changes nothing but the number of states. */
inline close_scout() {
  p1a[b] = false;
  a = 0;
  do
  :: a < ACCEPTORS ->
     p1b[BA(b, a)] = false;
     p1b_pvalue[BAS(b, a, 0)] = 0;
     p1b_pvalue[BAS(b, a, 1)] = 0;
     a++
  :: else -> break
  od;
  a = 0
}

/* Preempted, or started anew: the next ballot of this leader, if it still has one. */
inline give_up() {
  value[0] = 0;
  value[1] = 0;
  b = b + LEADERS;
  if
  :: b <= BALLOTS -> p1a[b] = true
  :: else -> break
  fi
}

proctype leader(byte number) {
  byte b = number + 1;
  byte a;
  byte value[SLOTS];
  p1a[b] = true;
  do
  /* a scout */
#ifdef SCOUT_MINORITY
  ADOPTED(0, 0) ADOPTED(1, 1) ADOPTED(2, 2)
#else
  ADOPTED(0, 1) ADOPTED(0, 2) ADOPTED(1, 2)
#endif
  /* commanders, once it is adopted */
  COMMAND(0) COMMAND(1)
  :: atomic { true -> close_scout(); give_up() }
  od
}

init {
  atomic {
    run acceptor(0);
    run acceptor(1);
    run acceptor(2);
    run leader(0);
    run leader(1)
  }
}
