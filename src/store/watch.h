/* What a writer sees in DIR/claims: the newest claim of each block, and which owners live.
 *
 * Names in the folder: <block>.<generation> is a claim, <block>.free<generation> one that was
 * handed back, <block>.done a finished block, <writer>.beat a heartbeat. A generation is never used
 * twice, so what a name once meant stays true. */
#ifndef SIMMER_STORE_WATCH_H
#define SIMMER_STORE_WATCH_H

#include <stdint.h>

#include "heartbeat.h"
#include "names.h"
#include "owner.h"
#include "simmer/base/file.h"
#include "simmer/store/claims.h"

/* Room for the longest name of a block, and of a file made from it. */
enum { SMR_BLOCK_NAME_BYTES = 160, SMR_CLAIM_NAME_BYTES = 192 };

typedef struct {
  int64_t listing;          /* the last listing that showed it */
  int64_t top;              /* its highest generation, -1 if none */
  int is_free;              /* `top` was handed back */
  int is_done;              /* <block>.done is there */
  int64_t held;             /* the generation we hold, -1 if none */
  int64_t examined;         /* the generation whose claim was read last, -1 if none */
  int64_t owner;            /* index of its owner; -1: the claim is empty or damaged */
  uint32_t damage;          /* CRC of the damaged claim */
  double seen_s, changed_s; /* damaged claim: last look (monotonic), and when it was last found
                               changed (heartbeat's clock) */
} smr_block;

/* An owner under observation. */
typedef struct {
  smr_owner owner;
  int is_known, is_gone, is_silent;
  int64_t beat;     /* the last one seen, -1 if none */
  double seen_s;    /* last look, monotonic clock */
  double changed_s; /* when the beat was last found changed, heartbeat's clock */
} smr_observed;

struct smr_claims {
  char folder[SMR_PATH_BYTES]; /* DIR/claims */
  smr_owner self;
  double lease_s;
  smr_heartbeat *heartbeat;
  smr_names block_names, writer_names;
  smr_block *blocks; /* by index of the name, as are the observed */
  smr_observed *observed;
  int64_t block_capacity, observed_capacity;
  int64_t n_listings;
  double listed_s, listing_cost_s;
  int is_stale; /* list again before the next answer */
};

/* Lists the folder when the last listing is old or known to be stale. Local. */
smr_status smr_watch_list(smr_claims *claims) SMR_NODISCARD;
/* The entry of a block, which is added when it is new; valid until the next addition. Local. */
smr_status smr_watch_get_block(smr_claims *claims, const char *name,
                               smr_block **block) SMR_NODISCARD;
/* What can be had of a block by what is known: TAKEN and INHERITED mean that generation top + 1 may
 * be created. Sets is_stale when the folder has moved on. Local. */
smr_status smr_watch_judge(smr_claims *claims, const char *name, smr_claim_outcome *outcome);
/* Reads the newest claim of a block, if that wasn't done yet. Local. */
smr_status smr_watch_examine(smr_claims *claims, const char *name) SMR_NODISCARD;

#endif
