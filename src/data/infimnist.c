/* InfiMNIST (Loosli, Canu, Bottou 2006): image number i is a function of i alone.
 *
 * 0..9999 are the test images of MNIST, 10000..69999 its training images, and from 70000 on
 * training image (i - 10000) mod 60000 deformed by two of 1522 fields and shifted. With the
 * original's files of fields and tangents the images are those of the original, bit for bit; else
 * both are our own. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "deform.h"
#include "idx.h"
#include "image_source.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "source.h"

enum {
  D = SMR_DEFORM_PIXELS,
  TESTS = 10000,
  TRAINS = 60000,
  PLAIN = TESTS + TRAINS, /* images that are MNIST's own */
  FIELD_FLOATS = SMR_DEFORM_FIELDS * D,
  TANGENT_FLOATS = 2 * D, /* of one training image */
  CHUNK_FLOATS = 1 << 18
};

/* Test images, then training images. */
static const char *const names[2][2] = {{"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"},
                                        {"train-images-idx3-ubyte", "train-labels-idx1-ubyte"}};
static const int64_t counts[2] = {TESTS, TRAINS};

typedef struct {
  smr_idx_file images[2], labels[2];
  char fields[SMR_PATH_BYTES], tangents[SMR_PATH_BYTES]; /* "" = our own */
} mnist_reader;

/* ---- Files. ---- */

static smr_status open_mnist(const char *mnist_folder, const char *data_folder, mnist_reader *r) {
  for (int k = 0; k < 2; k++) {
    char path[SMR_PATH_BYTES];
    SMR_TRY(smr_file_join(path, mnist_folder, names[k][0]));
    SMR_TRY(smr_idx_open(path, data_folder, SMR_IDX_IMAGES, &r->images[k]));
    SMR_TRY(smr_file_join(path, mnist_folder, names[k][1]));
    SMR_TRY(smr_idx_open(path, data_folder, SMR_IDX_LABELS, &r->labels[k]));
    const smr_idx_file *x = &r->images[k];
    if (x->n != counts[k] || x->height != SMR_DEFORM_SIDE || x->width != SMR_DEFORM_SIDE) {
      SMR_FAIL(SMR_ERR_INPUT,
               "%s has %lld images of %lld x %lld pixels, and MNIST has %lld of 28 x 28", x->path,
               (long long)x->n, (long long)x->height, (long long)x->width, (long long)counts[k]);
    }
    if (r->labels[k].n != counts[k]) {
      SMR_FAIL(SMR_ERR_INPUT, "%s has %lld labels, but %s has %lld images", r->labels[k].path,
               (long long)r->labels[k].n, x->path, (long long)x->n);
    }
  }
  return SMR_OK;
}

/* Finds a file of `n_floats` float32, if one is named. */
static smr_status find_floats(const char *name, const char *data_folder, int64_t n_floats,
                              const char *what, char path[SMR_PATH_BYTES]) {
  path[0] = '\0';
  if (name == NULL || name[0] == '\0') {
    return SMR_OK;
  }
  SMR_TRY(smr_data_find_file(name, data_folder, path));
  const int64_t bytes = smr_file_get_size(path), expected = n_floats * (int64_t)sizeof(float);
  if (bytes != expected) {
    SMR_FAIL(SMR_ERR_INPUT, "%s has %lld bytes, but %s of InfiMNIST are %lld bytes of float32",
             path, (long long)bytes, what, (long long)expected);
  }
  return SMR_OK;
}

static smr_status check_numbers(const char *path, int64_t first, int64_t n, const float *x) {
  for (int64_t i = 0; i < n; i++) {
    if (!isfinite(x[i])) {
      SMR_FAIL(SMR_ERR_INPUT, "%s: number %lld (counted from 0) isn't finite", path,
               (long long)(first + i));
    }
  }
  return SMR_OK;
}

/* The whole file of n little-endian float32, which is this machine's order too. */
static smr_status read_floats(const char *path, int64_t n, float *out) {
  smr_status status = SMR_OK;
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    SMR_FAIL(SMR_ERR_IO, "cannot open %s: %s", path, strerror(errno));
  }
  for (int64_t first = 0; first < n; first += CHUNK_FLOATS) {
    const int64_t count = smr_int_min(CHUNK_FLOATS, n - first);
    const int64_t bytes = count * (int64_t)sizeof *out;
    for (int64_t done = 0; done < bytes;) {
      const ssize_t got = pread(fd, (char *)(out + first) + done, (size_t)(bytes - done),
                                first * (int64_t)sizeof *out + done);
      if (got == 0 || (got < 0 && errno != EINTR)) {
        SMR_FAIL_DONE(SMR_ERR_IO, "cannot read %s: %s", path,
                      got < 0 ? strerror(errno) : "it has become shorter");
      }
      done += got > 0 ? got : 0;
    }
    SMR_TRY_DONE(check_numbers(path, first, count, out + first));
  }
done:
  close(fd);
  return status;
}

/* ---- The source. ---- */

static smr_status check_rows(const smr_image_config *config, const smr_image_plan *plan) {
  if (plan->n_test > TESTS) {
    SMR_FAIL(SMR_ERR_INPUT, "%lld test images are asked for, and MNIST has %d",
             (long long)plan->n_test, (int)TESTS);
  }
  if (plan->n_rows > 0 && config->first < plan->n_test) {
    SMR_FAIL(SMR_ERR_INPUT,
             "training images from number %lld on would be test images too: those are numbers 0 to "
             "%lld",
             (long long)config->first, (long long)plan->n_test - 1);
  }
  return SMR_OK;
}

static smr_status plan_infimnist(const smr_image_config *config, const char *data_folder,
                                 smr_image_plan *plan, void **reader) {
  mnist_reader *r = NULL;
  SMR_TRY(smr_memory_alloc(1, sizeof *r, "a reader of MNIST", &r));
  *reader = r;
  for (int k = 0; k < 2; k++) {
    r->images[k].fd = r->labels[k].fd = -1;
  }
  SMR_TRY(open_mnist(config->mnist_folder == NULL ? "" : config->mnist_folder, data_folder, r));
  const int64_t n_tangents = (int64_t)TRAINS * TANGENT_FLOATS;
  SMR_TRY(find_floats(config->fields, data_folder, FIELD_FLOATS, "the 1522 fields", r->fields));
  SMR_TRY(
      find_floats(config->tangents, data_folder, n_tangents, "the 120000 tangents", r->tangents));
  const int64_t max = INT64_MAX / 4;
  *plan = (smr_image_plan){.height = SMR_DEFORM_SIDE,
                           .width = SMR_DEFORM_SIDE,
                           .first = config->first,
                           .end = max,
                           .n_kept = PLAIN,
                           .n_floats = FIELD_FLOATS + (r->tangents[0] != '\0' ? n_tangents : 0),
                           .has_labels = 1,
                           .has_fields = r->fields[0] != '\0'};
  SMR_TRY(smr_image_plan_rows(config, TRAINS, TESTS, plan));
  return check_rows(config, plan);
}

static smr_status fill_infimnist(void *reader, const smr_image_plan *plan,
                                 const smr_image_memory *memory) {
  const mnist_reader *r = reader;
  int64_t at = 0;
  for (int k = 0; k < 2; k++) {
    SMR_TRY(smr_idx_read(&r->images[k], counts[k], memory->pixels + at * D));
    SMR_TRY(smr_idx_read(&r->labels[k], counts[k], memory->labels + at));
    at += counts[k];
  }
  if (r->fields[0] != '\0') {
    SMR_TRY(read_floats(r->fields, FIELD_FLOATS, memory->tables));
  }
  if (r->tangents[0] != '\0') {
    SMR_TRY(read_floats(r->tangents, plan->n_floats - FIELD_FLOATS, memory->tables + FIELD_FLOATS));
  }
  return SMR_OK;
}

static void close_infimnist(void *reader) {
  mnist_reader *r = reader;
  for (int k = 0; r != NULL && k < 2; k++) {
    smr_idx_close(&r->images[k]);
    smr_idx_close(&r->labels[k]);
  }
  smr_memory_free(r);
}

static smr_status make_infimnist(const smr_image_config *config, const smr_image_plan *plan,
                                 const smr_image_memory *memory, int64_t part, int64_t n_parts) {
  (void)config;
  if (!plan->has_fields) {
    smr_deform_make_fields(memory->tables, part, n_parts);
  }
  return SMR_OK;
}

/* ---- The index rule. ---- */

/* MNIST's image that number i is or is made from, by its place in memory. */
static int64_t find_base(int64_t i) {
  return i < PLAIN ? i : TESTS + (i - TESTS) % TRAINS;
}

static void make_image(const smr_images *images, int64_t i, uint8_t *out) {
  float own0[D], own1[D];
  const int64_t base = find_base(i);
  const uint8_t *x = images->memory.pixels + base * D;
  if (i < PLAIN) {
    memcpy(out, x, D);
    return;
  }
  /* 32-bit multiplication wraps; 2 i is reduced before it could overflow. */
  const int64_t k1 = (int64_t)((uint32_t)i * 131071U % 1521U);
  const int64_t k2 = (k1 + 1 + 2 * (i % 761)) % 1522;
  const float *fields = images->memory.tables;
  const float *t0 = own0, *t1 = own1;
  if (images->plan.n_floats > FIELD_FLOATS) {
    t0 = fields + FIELD_FLOATS + (base - TESTS) * TANGENT_FLOATS;
    t1 = t0 + D;
  } else {
    smr_deform_make_tangents(x, own0, own1);
  }
  smr_deform_apply(x, (k1 + k2) % 2 != 0 ? -1.0F : 1.0F, fields + k1 * D, fields + k2 * D, t0, t1,
                   out);
  smr_deform_shift(k1 % SMR_DEFORM_SHIFTS, out);
}

static smr_status generate_infimnist(const smr_images *images, int64_t first, int64_t n,
                                     uint8_t *pixels, uint8_t *labels) {
  for (int64_t i = 0; i < n; i++) {
    make_image(images, first + i, pixels + i * D);
    if (labels != NULL) {
      labels[i] = images->memory.labels[find_base(first + i)];
    }
  }
  return SMR_OK;
}

const smr_image_ops smr_image_infimnist_ops = {.name = "infimnist",
                                               .plan = plan_infimnist,
                                               .fill = fill_infimnist,
                                               .close = close_infimnist,
                                               .make = make_infimnist,
                                               .generate = generate_infimnist,
                                               .flops_per_pixel = 24.0};
