/* Keys of the partition experiment, and what they mean together. */
#include <math.h>

#include "image_keys.h"
#include "partition.h"
#include "simmer/base/integer.h"
#include "simmer/sample/annealing.h"
#include "simmer/sample/enumerate.h"

#define AT(field) offsetof(smr_partition_job, field)
#define AT_DATA(field) AT(data.field)
#define AT_LADDER(field) AT(ladder.field)

static const char *const exact_choices[] = {"auto", "always", "never", NULL};
static const char *const sources[] = {"none", SMR_IMAGE_SOURCES, NULL};

static const smr_key keys[] = {
    {"partition.model", SMR_KEY_STRING, 0, AT(model), 0, 0, "", "\"\"", NULL,
     "Model file; empty for the RBM of an Ising model, whose ln Z is known exactly at any size."},
    {"partition.side", SMR_KEY_INT, 0, AT(side), 2, 256, "units", "8", NULL,
     "Without a model: L of the L x L Ising model."},
    {"partition.coupling", SMR_KEY_REAL, SMR_KEY_OPEN_MINIMUM, AT(coupling), 0, 10, "",
     "0.4406867935097715", NULL, "Without a model: K = J/kT; the default is critical."},
    {"partition.flat_base", SMR_KEY_BOOL, 0, AT(has_flat_base), 0, 0, "", "false", NULL,
     "Start annealing and tempering from fair coins, not from the mean image (of the data, else of "
     "the model file)."},
    {"partition.exact", SMR_KEY_CHOICE, 0, AT(exact), 0, 0, "", "auto", exact_choices,
     "Enumerate all states of the smaller side: auto is up to partition.exact_units units."},
    {"partition.exact_units", SMR_KEY_INT, 0, AT(exact_units), 0, SMR_ENUMERATE_MOST_UNITS, "units",
     "24", NULL, "exact: auto enumerates models whose smaller side has at most so many units."},
    {"partition.annealing_runs", SMR_KEY_INT, 0, AT(n_runs), 0, 1e7, "runs", "100", NULL,
     "Runs of annealed importance sampling (Neal 2001); 0 leaves it out."},
    {"partition.annealing_steps", SMR_KEY_INT, SMR_KEY_OR_AUTO, AT(n_steps), 2, 1e8, "", "auto",
     NULL,
     "Inverse temperatures of a run at equal steps; auto: the 14,501 of Salakhutdinov & Murray "
     "2008."},
    {"partition.annealing_betas", SMR_KEY_REALS, 0, AT(anneal_betas), 0, 1, "", "[0, 1]", NULL,
     "Inverse temperatures of a run one by one, rising from 0 to 1, instead of "
     "partition.annealing_steps; the default stands for none."},
    SMR_LADDER_KEYS("partition", 0, AT_LADDER),
    {"partition.mean_field", SMR_KEY_BOOL, 0, AT(has_mean_field), 0, 0, "", "true", NULL,
     "Mean-field and second-order TAP values, which have no standard error."},
    {"partition.rows", SMR_KEY_INT, SMR_KEY_OR_AUTO, AT(n_rows), 1, 1e15, "rows", "auto", NULL,
     "With data: training rows, and as many test rows, whose likelihood is measured; auto is all."},

    {"data.source", SMR_KEY_CHOICE, 0, AT(data.source), 0, 0, "", "none", sources,
     "Data of the model, for their likelihood and for the base rates: none, built-in deformed "
     "digits, IDX files, HDF5, deformed MNIST, Ising configurations, or bars and stripes."},
    SMR_IMAGE_KEYS(AT_DATA),
};

const smr_key_table smr_partition_keys = {keys, sizeof keys / sizeof keys[0],
                                          sizeof(smr_partition_job)};

bool smr_partition_get_source(const smr_common_config *common, const void *config,
                              smr_image_config *out) {
  const smr_partition_job *job = config;
  if (job->data.source == 0) {
    return false;
  }
  *out = job->data;
  out->source = job->data.source - 1;
  out->seed = (uint64_t)common->seed;
  return true;
}

int64_t smr_partition_fill_betas(const smr_partition_job *job, double *betas) {
  const bool is_listed = job->anneal_betas.n > 2;
  if (!is_listed && job->n_steps < 0) {
    return smr_annealing_usual_betas(betas);
  }
  const int64_t n = is_listed ? job->anneal_betas.n : job->n_steps;
  for (int64_t i = 0; betas != NULL && i < n; ++i) {
    betas[i] = is_listed ? job->anneal_betas.values[i] : (double)i / (double)(n - 1);
  }
  return n;
}

bool smr_partition_is_enumerated(const smr_partition_job *job, int64_t n_visible,
                                 int64_t n_hidden) {
  return job->exact == SMR_EXACT_ALWAYS ||
         (job->exact == SMR_EXACT_AUTO && smr_int_min(n_visible, n_hidden) <= job->exact_units);
}
