/* Ladders before units run: what job files say of them, and what they cost. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ladder_run_private.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/energy/model.h"
#include "simmer/store/checkpoint.h"

enum { LEFT_OUT_SHARE = 4 };

const char *const smr_ladder_checkpoint_modes[] = {"auto", "serial", "parallel", NULL};

int64_t smr_ladder_count_left_out(int64_t n_scans) {
  return n_scans / LEFT_OUT_SHARE;
}

/* --- the first ladder --- */

smr_status ladder_parse_betas(const char *text, bool needs_zero, double *betas, int64_t *n) {
  *n = 0;
  for (const char *at = text; *at != '\0';) {
    char *end = NULL;
    if (isspace((unsigned char)*at) || *at == ',') {
      ++at;
      continue;
    }
    const double beta = strtod(at, &end);
    const char after = end == at ? 'x' : *end;
    if (after != '\0' && after != ',' && !isspace((unsigned char)after)) {
      SMR_FAIL(SMR_ERR_INPUT, "'%.*s' isn't a number", (int)strcspn(at, ", \t\n"), at);
    }
    if (!(beta >= 0 && beta <= 1)) {
      SMR_FAIL(SMR_ERR_INPUT, "inverse temperature %" PRId64 " is %g, and must be from 0 to 1",
               *n + 1, beta);
    }
    if (*n > 0 && !(beta > betas[*n - 1])) {
      SMR_FAIL(SMR_ERR_INPUT, "inverse temperature %" PRId64 ", %g, isn't above the one before, %g",
               *n + 1, beta, betas[*n - 1]);
    }
    if (*n == LADDER_MOST_BETAS) {
      SMR_FAIL(SMR_ERR_INPUT, "a ladder has %d temperatures at most", (int)LADDER_MOST_BETAS);
    }
    betas[(*n)++] = beta;
    at = end;
  }
  if (*n == 0 || betas[*n - 1] < 1 || (needs_zero && betas[0] > 0)) {
    SMR_FAIL(SMR_ERR_INPUT, "a ladder must rise %s 1", needs_zero ? "from 0 to" : "to");
  }
  return SMR_OK;
}

/* Words of a first ladder that was found to be right. */
static int64_t count_betas(const char *text) {
  static const char between[] = ", \t\r\n\v\f";
  int64_t n = 0;
  for (const char *at = text + strspn(text, between); *at != '\0'; at += strspn(at, between)) {
    at += strcspn(at, between);
    ++n;
  }
  return n;
}

int64_t ladder_get_most_temperatures(const smr_ladder_job *job) {
  if (job->betas[0] != '\0') {
    return count_betas(job->betas);
  }
  return job->n_temperatures > 0 ? job->n_temperatures : job->most_temperatures;
}

smr_status smr_ladder_check(const smr_job *job, const char *section, const smr_ladder_job *ladder,
                            bool needs_zero, smr_text *report) {
  char key[64];
  double *betas = NULL;
  int64_t n = 0;
  if (ladder->betas[0] == '\0') {
    return SMR_OK;
  }
  snprintf(key, sizeof key, "%s.betas", section);
  SMR_TRY(smr_memory_alloc(LADDER_MOST_BETAS, sizeof *betas, "a ladder", &betas));
  const smr_status status = ladder_parse_betas(ladder->betas, needs_zero, betas, &n);
  smr_memory_free(betas);
  if (status != SMR_OK) {
    return smr_job_complain(job, key, report, "%s: %s", key, smr_error_message());
  }
  if (ladder->n_temperatures > 0 && ladder->n_temperatures != n) {
    return smr_job_complain(job, key, report,
                            "%s lists %" PRId64 " inverse temperatures, and %s.temperatures asks "
                            "for %" PRId64 "; leave one out",
                            key, n, section, ladder->n_temperatures);
  }
  return SMR_OK;
}

/* --- cost --- */

void smr_ladder_add_cost(const smr_ladder_job *ladder, int64_t n_visible, int64_t n_hidden,
                         int n_ranks, int n_threads, smr_unit_cost *cost) {
  const int64_t most = ladder_get_most_temperatures(ladder);
  const int64_t rows = ladder->n_chains * most;
  const int64_t width = n_visible + n_hidden;
  const smr_energy_model model = {.n_parts = 2,
                                  .widths = {n_visible, n_hidden},
                                  .work_floats = n_hidden,
                                  .sweep_flops = 4.0 * (double)n_visible * (double)n_hidden};
  const smr_tempering_config config = {.n_chains = ladder->n_chains,
                                       .n_temperatures = most,
                                       .scans = ladder->scans,
                                       .sweeps = ladder->sweeps};
  const double scans = (double)ladder->scans + (double)((int64_t)2 << ladder->rounds) - 2;
  double flops = 0;
  int64_t bytes = 0;
  if (ladder->n_chains == 0) {
    return;
  }
  smr_tempering_count_cost(&config, &model, n_ranks, n_threads, &flops, &bytes);
  cost->flops += flops * scans;
  /* Random numbers of a sweep; energies and observables of a scan; swaps. */
  cost->slow_flops +=
      (double)rows * scans * ((double)width * (5.0 * (double)ladder->sweeps + 6.0) + 300.0);
  const int64_t gathered = smr_int_max(rows, 128 * (int64_t)n_ranks);
  const int64_t observed = LADDER_N_OBSERVED * (rows * ladder->scans * 4 + gathered * 8);
  const int64_t diagnosis = ladder_count_diagnosis_bytes(ladder, most, n_threads);
  const int64_t file = ladder_count_file_bytes(ladder, most);
  const int64_t checkpoint = rows * (4 * width + ladder->scans * (12 + 4 * LADDER_N_OBSERVED));
  /* A gathered checkpoint is a copy of everything; the file comes after the last one. */
  const bool is_gathered =
      ladder->checkpoint_mode == SMR_CHECKPOINT_SERIAL ||
      (ladder->checkpoint_mode == SMR_CHECKPOINT_AUTO && checkpoint < (int64_t)4 << 30);
  cost->memory_bytes +=
      bytes + observed + smr_int_max(diagnosis + 3 * file, is_gathered ? checkpoint : 0);
  /* The ladder, and two checkpoints with everything that was measured. */
  cost->file_bytes += file + 2 * checkpoint;
  cost->n_shards = smr_int_max(cost->n_shards, smr_int_ceil_divide(rows, 128));
}
