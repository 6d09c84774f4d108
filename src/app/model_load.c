/* Model files: the survey of a job's models, and one model on all ranks of a group. */
#include "model_load.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "simmer/base/integer.h"
#include "simmer/base/log.h"
#include "simmer/base/memory.h"
#include "simmer/energy/ising.h"
#include "simmer/sample/annealing.h"

enum { USUAL_IMAGES = 60000, IMAGES_PER_BATCH = 100, COUNTS_PER_BATCH = 5 };

smr_status smr_model_read_named(const char *name, smr_model *model) {
  char path[SMR_PATH_BYTES];
  *model = (smr_model){0};
  SMR_TRY(smr_model_find_file(name, path));
  return smr_model_read(path, model);
}

/* --- all models of a job --- */

static smr_hash hash_name(const char *name) {
  return smr_hash_add(smr_hash_start(), name, strlen(name));
}

static const smr_model_facts *find_facts(const smr_model_survey *survey, const char *name) {
  const smr_hash hash = hash_name(name);
  for (int64_t i = 0; i < survey->n; ++i) {
    if (smr_hash_compare(survey->models[i].name, hash) == 0) {
      return &survey->models[i];
    }
  }
  return NULL;
}

const smr_model_facts *smr_model_find_facts(const smr_model_survey *survey, const char *name) {
  const smr_model_facts *facts = find_facts(survey, name);
  return facts != NULL && facts->n_visible > 0 ? facts : NULL;
}

void smr_model_await(const char *name, int64_t *n_visible, int64_t *n_hidden) {
  char message[SMR_PATH_BYTES];
  snprintf(message, sizeof message, "%s", smr_error_message());
  if (smr_model_foresee(name, n_visible, n_hidden) == SMR_OK) {
    smr_log_info("the model %s isn't there yet; by the job of its folder it will have %" PRId64
                 " x %" PRId64 " units",
                 name, *n_visible, *n_hidden);
    return;
  }
  *n_visible = 0;
  *n_hidden = 0;
  smr_inputs_await(message);
}

static smr_status add_model(smr_model_survey *survey, const char *name, bool is_later) {
  smr_model model = {0};
  smr_model_facts facts = {.name = hash_name(name)};
  if (survey->n == SMR_MODEL_SURVEY) {
    SMR_FAIL(SMR_ERR_LIMIT, "a job may read %d different models at most", (int)SMR_MODEL_SURVEY);
  }
  const smr_status status = smr_model_read_named(name, &model);
  if (status == SMR_ERR_MISSING && is_later) {
    smr_model_await(name, &facts.n_visible, &facts.n_hidden);
  } else {
    SMR_TRY(status);
    facts.n_visible = model.n_visible;
    facts.n_hidden = model.n_hidden;
    facts.crc = smr_model_find_crc(&model);
    smr_model_clear(&model);
  }
  survey->models[survey->n++] = facts;
  return SMR_OK;
}

/* Calls `visit` for the first cell of each name that isn't "". */
typedef struct {
  const smr_job *job;
  const smr_model_key *key;
  void *self;
  smr_status (*visit)(void *self, const char *name);
} name_walk;

static smr_status walk_names(const name_walk *walk) {
  char *config = NULL;
  const char *name = NULL, *last = "";
  smr_common_config common;
  smr_status status = SMR_OK;
  SMR_TRY(smr_memory_alloc(1, walk->key->config_bytes, "configuration", &config));
  for (int64_t cell = 0; cell < smr_job_count_cells(walk->job); ++cell) {
    smr_job_configure(walk->job, cell, &common, config);
    memcpy(&name, config + walk->key->offset, sizeof name);
    /* Most sweeps have runs of one name. */
    if (strcmp(name, last) == 0 || smr_job_is_excluded(walk->job, cell)) {
      continue;
    }
    last = name;
    if (name[0] != '\0') {
      SMR_TRY_DONE(walk->visit(walk->self, name));
    }
  }
done:
  smr_memory_free(config);
  return status;
}

typedef struct {
  smr_model_survey *survey;
  const smr_job *job; /* with report: where mistakes go */
  const smr_model_key *key;
  smr_text *report;
  bool is_later;
} surveyor;

static smr_status visit_model(void *self, const char *name) {
  const surveyor *s = self;
  if (find_facts(s->survey, name) != NULL) {
    return SMR_OK;
  }
  const smr_status status = add_model(s->survey, name, s->is_later);
  if (status == SMR_OK || s->report == NULL) {
    return status;
  }
  return smr_job_complain(s->job, s->key->key, s->report, "%s", smr_error_message());
}

smr_status smr_model_check(const smr_job *job, const smr_model_key *key, const smr_inputs *inputs,
                           smr_model_survey *survey, smr_text *report) {
  surveyor s = {survey, job, key, report, inputs->is_later};
  survey->n = 0;
  return walk_names(&(name_walk){job, key, &s, visit_model});
}

smr_status smr_model_open(const smr_context *world, const smr_job *job, const smr_model_key *key,
                          smr_model_survey **out) {
  smr_model_survey *survey = NULL;
  *out = NULL;
  SMR_TRY(smr_agree(world, smr_memory_alloc(1, sizeof *survey, "survey of models", &survey)));
  const smr_inputs inputs = {.is_later = false};
  const smr_status status = smr_agree_root(
      world, 0, world->rank == 0 ? smr_model_check(job, key, &inputs, survey, NULL) : SMR_OK);
  if (status != SMR_OK) {
    smr_memory_free(survey);
    return status;
  }
  smr_broadcast(world, 0, survey, sizeof *survey);
  *out = survey;
  return SMR_OK;
}

typedef struct {
  const smr_model_survey *survey;
  smr_text *lines;
  bool is_listed[SMR_MODEL_SURVEY];
} lister;

static smr_status visit_line(void *self, const char *name) {
  lister *l = self;
  const smr_model_facts *facts = smr_model_find_facts(l->survey, name);
  const int64_t at = facts == NULL ? -1 : facts - l->survey->models;
  if (at < 0 || l->is_listed[at]) {
    return SMR_OK;
  }
  l->is_listed[at] = true;
  return smr_text_add(l->lines, "%08" PRIx32 " model %s\n", facts->crc, name);
}

smr_status smr_model_list_inputs(const smr_model_survey *survey, const smr_job *job,
                                 const smr_model_key *key, smr_text *lines) {
  lister l = {.survey = survey, .lines = lines};
  return walk_names(&(name_walk){job, key, &l, visit_line});
}

/* --- one model in a group --- */

static smr_status read_checked(const char *name, const smr_model_survey *survey, smr_model *model) {
  SMR_TRY(smr_model_read_named(name, model));
  const smr_model_facts *facts = survey == NULL ? NULL : smr_model_find_facts(survey, name);
  if (facts != NULL && facts->crc != smr_model_find_crc(model)) {
    SMR_FAIL(SMR_ERR_INPUT, "the model %s has changed while this run went on", name);
  }
  return SMR_OK;
}

/* Sizes and what there is beside W and the biases. */
typedef struct {
  int64_t n_visible, n_hidden, height, width, n_train, has_mean;
} model_shape;

static void share_numbers(const smr_context *group, smr_model *model) {
  const size_t v = (size_t)model->n_visible, h = (size_t)model->n_hidden;
  smr_broadcast(group, 0, model->w, v * h * sizeof(float));
  smr_broadcast(group, 0, model->visible_bias, v * sizeof(float));
  smr_broadcast(group, 0, model->hidden_bias, h * sizeof(float));
  if (model->visible_mean != NULL) {
    smr_broadcast(group, 0, model->visible_mean, v * sizeof(float));
  }
}

smr_status smr_model_load(const smr_context *group, const char *name,
                          const smr_model_survey *survey, smr_model *model) {
  model_shape shape = {0};
  smr_status status = SMR_OK;
  *model = (smr_model){0};
  status = group->rank == 0 ? read_checked(name, survey, model) : SMR_OK;
  SMR_TRY_DONE(smr_agree_root(group, 0, status));
  if (group->rank == 0) {
    shape = (model_shape){model->n_visible, model->n_hidden, model->height,
                          model->width,     model->n_train,  model->visible_mean != NULL};
  }
  smr_broadcast(group, 0, &shape, sizeof shape);
  if (group->rank != 0) {
    status = smr_model_create(shape.n_visible, shape.n_hidden, -1, model);
    model->height = shape.height;
    model->width = shape.width;
    model->n_train = shape.n_train;
  }
  if (group->rank != 0 && shape.has_mean && status == SMR_OK) {
    status = smr_memory_alloc(shape.n_visible, sizeof(float), "mean of the training data",
                              &model->visible_mean);
  }
  SMR_TRY_DONE(smr_agree(group, status));
  share_numbers(group, model);
done:
  if (status != SMR_OK) {
    smr_model_clear(model);
  }
  return status;
}

smr_status smr_model_load_ising(const smr_context *group, int64_t side, double coupling,
                                smr_model *model, double *log_z) {
  int64_t n = 0;
  *model = (smr_model){0};
  smr_status status = smr_int_multiply(side, side, "units of an Ising model", &n);
  if (status == SMR_OK) {
    status = smr_model_create(n, 2 * n, -1, model);
  }
  if (status == SMR_OK) {
    status = smr_ising_make_rbm(side, coupling, model->w, model->visible_bias, model->hidden_bias,
                                log_z);
    model->height = side;
    model->width = side;
  }
  status = smr_agree(group, status);
  if (status != SMR_OK) {
    smr_model_clear(model);
  }
  return status;
}

smr_rbm smr_model_get_rbm(const smr_model *model) {
  return (smr_rbm){model->n_visible, model->n_hidden, model->w, model->visible_bias,
                   model->hidden_bias};
}

smr_status smr_model_get_base_bias(const smr_model *model, float *base_bias) {
  const int64_t n = model->n_train > 0 ? model->n_train : USUAL_IMAGES;
  const double strength =
      (double)COUNTS_PER_BATCH * (double)smr_int_ceil_divide(n, IMAGES_PER_BATCH);
  double *mean = NULL;
  memset(base_bias, 0, (size_t)model->n_visible * sizeof *base_bias);
  if (model->visible_mean == NULL) {
    return SMR_OK;
  }
  SMR_TRY(smr_memory_alloc(model->n_visible, sizeof *mean, "mean of the training data", &mean));
  for (int64_t i = 0; i < model->n_visible; ++i) {
    mean[i] = fmin(fmax((double)model->visible_mean[i], 0), 1);
  }
  smr_annealing_base_bias(model->n_visible, mean, n, strength, base_bias);
  smr_memory_free(mean);
  return SMR_OK;
}
