/* Model files as inputs of a job: found by name, held to their first contents, read by one rank and
 * shared by all.
 *
 * A name is the path of a model file, an output folder of one trained unit ("out/digits"), or
 * "DIR[key=value,...]" for one unit of a sweep ("out/sweep[hidden=64,replicate=0]"), where a key is
 * an axis by the last part of its name or the whole of it, and axes with one value may be left out.
 * An empty name means no file. */
#ifndef SIMMER_APP_MODEL_LOAD_H
#define SIMMER_APP_MODEL_LOAD_H

#include "experiment.h"
#include "simmer/energy/rbm.h"
#include "simmer/store/model.h"

/* The file that a name means. SMR_ERR_INPUT, SMR_ERR_USAGE or SMR_ERR_JOB for a unit that the
 * folder's job hasn't (the message lists its axes and their values) and for values that more than
 * one unit has; SMR_ERR_MISSING where there is no such file or folder, or the unit isn't finished.
 * Local; no MPI. */
smr_status smr_model_find_file(const char *name, char path[SMR_PATH_BYTES]) SMR_NODISCARD;
/* smr_model_find_file, then smr_model_read. Local. */
smr_status smr_model_read_named(const char *name, smr_model *model) SMR_NODISCARD;

/* Sizes of the model that an unfinished unit of an output folder will write, from the folder's job.
 * SMR_ERR_MISSING where that isn't known. Local; no MPI. */
smr_status smr_model_foresee(const char *name, int64_t *n_visible, int64_t *n_hidden) SMR_NODISCARD;
/* After SMR_ERR_MISSING, for a job that starts later: smr_model_foresee, or zeros, and says so to
 * the user. Local. */
void smr_model_await(const char *name, int64_t *n_visible, int64_t *n_hidden);

/* --- all models of a job --- */

enum { SMR_MODEL_SURVEY = 1024 };

/* What is known of one model file; plain bytes. */
typedef struct {
  smr_hash name;
  int64_t n_visible, n_hidden; /* zeros of a model that isn't there yet, if nobody knows them */
  uint32_t crc;                /* smr_model_find_crc; 0 of a model that isn't there yet */
} smr_model_facts;

typedef struct {
  int64_t n;
  smr_model_facts models[SMR_MODEL_SURVEY];
} smr_model_survey;

/* The key that names a model file, and where an experiment's configuration keeps the name. */
typedef struct {
  const char *key;
  size_t offset, config_bytes;
} smr_model_key;

/* Reads every model that the job's cells name, each once, into the survey; what can't be read is
 * complained of at the key, what is left to an earlier job is awaited. Names beyond
 * SMR_MODEL_SURVEY: SMR_ERR_LIMIT. Local. */
smr_status smr_model_check(const smr_job *job, const smr_model_key *key, const smr_inputs *inputs,
                           smr_model_survey *survey, smr_text *report) SMR_NODISCARD;
/* The same by rank 0, on all ranks; freed by smr_memory_free. Collective on world. */
smr_status smr_model_open(const smr_context *world, const smr_job *job, const smr_model_key *key,
                          smr_model_survey **out) SMR_NODISCARD;
/* "<crc> model <name>" lines, for smr_folder_check_data. Local. */
smr_status smr_model_list_inputs(const smr_model_survey *survey, const smr_job *job,
                                 const smr_model_key *key, smr_text *lines) SMR_NODISCARD;
/* NULL when the survey knows no such name, or not its sizes. Local. */
const smr_model_facts *smr_model_find_facts(const smr_model_survey *survey, const char *name);

/* --- one model in a group --- */

/* W, biases, sizes, and the mean of the training data where the file has it, on all ranks; read by
 * rank 0. With a survey (or NULL): SMR_ERR_INPUT when the file isn't what it was then. Freed by
 * smr_model_clear. Collective on group. */
smr_status smr_model_load(const smr_context *group, const char *name,
                          const smr_model_survey *survey, smr_model *model) SMR_NODISCARD;
/* The RBM of a periodic L x L Ising model (energy/ising.h) and its exact ln Z. Collective on group.
 */
smr_status smr_model_load_ising(const smr_context *group, int64_t side, double coupling,
                                smr_model *model, double *log_z) SMR_NODISCARD;
smr_rbm smr_model_get_rbm(const smr_model *model);
/* a [V]: log odds of the base rates p = (count + s) / (N + 2 s) of the N training images, with
 * Salakhutdinov & Murray's s = 5 for every 100 images, so that no pixel is certain; zeros (fair
 * coins) when the model doesn't know its data's mean. 60,000 stands for an unknown N. Local. */
smr_status smr_model_get_base_bias(const smr_model *model, float *base_bias) SMR_NODISCARD;

#endif
