/* Lays out the variables of a cube, and lets HDF5 write everything but their numbers. */
#include "skeleton.h"

#include <string.h>
#include <unistd.h>

#include "h5.h"
#include "hollow.h"
#include "simmer/base/memory.h"

enum { MOST_WORDS = 16 };

/* ---- The list of arrays. ---- */

typedef struct {
  const smr_cube *cube;
  smr_array *arrays; /* coordinates, status, outputs, summaries */
  int64_t n_arrays, first_place;
  const char **auxiliary;
  int64_t n_auxiliary;
} plan;

static smr_status add_dimension(smr_array *array, const char *name, int64_t n) {
  if (array->n_dimensions == SMR_ARRAY_DIMENSIONS) {
    SMR_FAIL(SMR_ERR_LIMIT,
             "%s would have more than %d dimensions in results.h5; let axes go together with zip",
             array->name, (int)SMR_ARRAY_DIMENSIONS);
  }
  array->dimensions[array->n_dimensions] = name;
  array->shape[array->n_dimensions] = n;
  array->n_dimensions++;
  return SMR_OK;
}

static smr_status add_outer(const smr_results_layout *layout, int without, smr_array *array) {
  for (int d = 0; d < layout->n_outer; d++) {
    if (d != without) {
      SMR_TRY(add_dimension(array, layout->outer_names[d], layout->outer_shape[d]));
    }
  }
  return SMR_OK;
}

/* A variable over outer dimensions and the inner ones of `output`. */
static smr_status add_variable(plan *p, const smr_output *output, int without) {
  const smr_schema *schema = p->cube->layout->schema;
  smr_array *array = &p->arrays[p->n_arrays++];
  *array = (smr_array){.name = output->name,
                       .type = SMR_F64,
                       .unit = output->unit,
                       .meaning = output->meaning,
                       .is_measured_time = output->is_measured_time};
  SMR_TRY(add_outer(p->cube->layout, without, array));
  for (int d = 0; d < output->n_dimensions; d++) {
    const smr_inner_dimension *inner = &schema->dimensions[output->dimensions[d]];
    SMR_TRY(add_dimension(array, inner->name, inner->n));
  }
  return SMR_OK;
}

static smr_status add_coordinates(plan *p) {
  const smr_results_layout *layout = p->cube->layout;
  for (int64_t i = 0; i < layout->n_coordinates; i++) {
    const smr_array *c = &layout->coordinates[i];
    if (c->n_dimensions != 1 || c->dimensions[0] == NULL) {
      SMR_FAIL(SMR_ERR_INTERNAL, "coordinate %s isn't a list over one dimension", c->name);
    }
    if (c->shape[0] > 0 && c->data == NULL) {
      SMR_FAIL(SMR_ERR_INTERNAL, "coordinate %s has no values", c->name);
    }
    if (strcmp(c->name, c->dimensions[0]) != 0) {
      p->auxiliary[p->n_auxiliary++] = c->name;
    }
    p->arrays[p->n_arrays++] = *c;
  }
  return SMR_OK;
}

static smr_status fill_plan(plan *p) {
  const smr_cube *cube = p->cube;
  const smr_schema *schema = cube->layout->schema;
  SMR_TRY(add_coordinates(p));
  p->first_place = p->n_arrays;
  smr_array *status = &p->arrays[p->n_arrays++];
  *status = (smr_array){
      .name = "status", .type = SMR_U8, .unit = "1", .meaning = "what became of the unit of work"};
  SMR_TRY(add_outer(cube->layout, -1, status));
  for (int64_t i = 0; i < schema->n_outputs; i++) {
    SMR_TRY(add_variable(p, &schema->outputs[i], -1));
  }
  for (int64_t i = 0; i < cube->n_summaries; i++) {
    SMR_TRY(add_variable(p, &cube->summaries[i].output, cube->reduced_dimension));
  }
  return SMR_OK;
}

static smr_status create_plan(const smr_cube *cube, plan *p) {
  const smr_results_layout *layout = cube->layout;
  int64_t n = 0;
  *p = (plan){.cube = cube};
  if (layout->n_outer < 0 || layout->n_outer > SMR_ARRAY_DIMENSIONS) {
    SMR_FAIL(SMR_ERR_LIMIT, "results.h5 can have %d axes at most; let axes go together with zip",
             (int)SMR_ARRAY_DIMENSIONS);
  }
  /* Also finds bad inner dimensions. */
  SMR_TRY(smr_schema_count(layout->schema, &n));
  n = layout->n_coordinates + 1 + layout->schema->n_outputs + cube->n_summaries;
  SMR_TRY(smr_memory_alloc(n, sizeof *p->arrays, "variables of results.h5", &p->arrays));
  SMR_TRY(smr_memory_alloc(layout->n_coordinates, sizeof *p->auxiliary, "names of coordinates",
                           (void *)&p->auxiliary));
  return fill_plan(p);
}

static void clear_plan(plan *p) {
  smr_memory_free(p->arrays);
  smr_memory_free((void *)p->auxiliary);
}

/* ---- HDF5's part. ---- */

static smr_status write_flags(hid_t file) {
  static const unsigned char values[] = {0, 1, 2, 3, 4};
  const hsize_t n = sizeof values;
  smr_status status = SMR_OK;
  hid_t dataset = -1, space = -1, attribute = -1;
  SMR_H5_TRY_DONE(dataset = H5Dopen2(file, "status", H5P_DEFAULT), "cannot open status");
  SMR_H5_TRY_DONE(space = H5Screate_simple(1, &n, NULL), "cannot make a dataspace");
  SMR_H5_TRY_DONE(
      attribute = H5Acreate2(dataset, "flag_values", H5T_STD_U8LE, space, H5P_DEFAULT, H5P_DEFAULT),
      "cannot write flag_values");
  SMR_H5_TRY_DONE(H5Awrite(attribute, H5T_NATIVE_UCHAR, values), "cannot write flag_values");
  SMR_TRY_DONE(smr_h5_write_text_attribute(dataset, "flag_meanings",
                                           "pending done failed quarantined excluded"));
done:
  smr_h5_drop(attribute);
  smr_h5_drop(space);
  smr_h5_drop(dataset);
  return status;
}

/* Words of a variable of float64: flag_values 0, 1, … have its type. */
static smr_status write_words(hid_t file, const smr_flags *flags) {
  double values[MOST_WORDS];
  hsize_t n = 1;
  for (const char *c = flags->meanings; *c != '\0'; c++) {
    n += *c == ' ';
  }
  if (n > MOST_WORDS) {
    SMR_FAIL(SMR_ERR_INTERNAL, "%s has more than %d words", flags->name, (int)MOST_WORDS);
  }
  for (hsize_t i = 0; i < n; i++) {
    values[i] = (double)i;
  }
  smr_status status = SMR_OK;
  hid_t dataset = -1, space = -1, attribute = -1;
  SMR_H5_TRY_DONE(dataset = H5Dopen2(file, flags->name, H5P_DEFAULT), "cannot open a variable");
  SMR_H5_TRY_DONE(space = H5Screate_simple(1, &n, NULL), "cannot make a dataspace");
  SMR_H5_TRY_DONE(attribute = H5Acreate2(dataset, "flag_values", H5T_IEEE_F64LE, space, H5P_DEFAULT,
                                         H5P_DEFAULT),
                  "cannot write flag_values");
  SMR_H5_TRY_DONE(H5Awrite(attribute, H5T_NATIVE_DOUBLE, values), "cannot write flag_values");
  SMR_TRY_DONE(smr_h5_write_text_attribute(dataset, "flag_meanings", flags->meanings));
done:
  smr_h5_drop(attribute);
  smr_h5_drop(space);
  smr_h5_drop(dataset);
  return status;
}

static smr_status find_place(hid_t file, const smr_array *array, smr_place *place) {
  int64_t n = 0;
  SMR_TRY(smr_h5_count_elements(array, &n));
  const hid_t dataset = H5Dopen2(file, array->name, H5P_DEFAULT);
  const haddr_t offset = dataset < 0 ? HADDR_UNDEF : H5Dget_offset(dataset);
  smr_h5_drop(dataset);
  if (n > 0 && (offset == HADDR_UNDEF || offset > INT64_MAX)) {
    return smr_h5_fail(SMR_ERR_INTERNAL, "cannot find the place of %s", array->name);
  }
  *place = (smr_place){.offset = n > 0 ? (int64_t)offset : 0,
                       .bytes = n * (int64_t)smr_h5_get_bytes(array->type)};
  return SMR_OK;
}

typedef struct {
  const plan *p;
  smr_skeleton *out;
} finishing;

static smr_status finish_file(void *self, hid_t file) {
  const finishing *f = self;
  const plan *p = f->p;
  if (p->arrays == NULL || f->out->places == NULL) {
    SMR_FAIL(SMR_ERR_INTERNAL, "results.h5 has no variables");
  }
  SMR_TRY(write_flags(file));
  const smr_flags *flags = p->cube->layout->flags;
  for (; flags != NULL && flags->name != NULL; flags++) {
    SMR_TRY(write_words(file, flags));
  }
  for (int64_t i = 0; i < f->out->n_places; i++) {
    SMR_TRY(find_place(file, &p->arrays[p->first_place + i], &f->out->places[i]));
  }
  return SMR_OK;
}

static smr_status build(const plan *p, smr_skeleton *out) {
  const smr_h5_contents contents = {.n_arrays = p->n_arrays,
                                    .arrays = p->arrays,
                                    .n_attributes = p->cube->layout->n_attributes,
                                    .attributes = p->cube->layout->attributes,
                                    .n_auxiliary = p->n_auxiliary,
                                    .auxiliary = p->auxiliary};
  finishing f = {.p = p, .out = out};
  const smr_hollow_source source = {
      .name = "results.h5", .contents = &contents, .finish = finish_file, .self = &f};
  return smr_hollow_create(&source, &out->fd, &out->bytes);
}

smr_status smr_skeleton_create(const smr_cube *cube, smr_skeleton *out) {
  smr_status status = SMR_OK;
  plan p = {0};
  *out = (smr_skeleton){.fd = -1};
  smr_h5_start();
  SMR_TRY_DONE(create_plan(cube, &p));
  out->n_places = p.n_arrays - p.first_place;
  SMR_TRY_DONE(smr_memory_alloc(out->n_places, sizeof *out->places, "places", &out->places));
  out->status = out->places;
  out->outputs = out->places + 1;
  out->summaries = out->outputs + cube->layout->schema->n_outputs;
  SMR_TRY_DONE(build(&p, out));
done:
  clear_plan(&p);
  if (status != SMR_OK) {
    smr_skeleton_clear(out);
  }
  return status;
}

void smr_skeleton_clear(smr_skeleton *skeleton) {
  if (skeleton->fd >= 0) {
    close(skeleton->fd);
  }
  smr_memory_free(skeleton->places);
  *skeleton = (smr_skeleton){.fd = -1};
}
