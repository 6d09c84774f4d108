/* What a source of images is, and what the parts of the data layer that deal with images share.
 * Private to src/data.
 *
 * A source keeps images (idx, hdf5, ising: every row; infimnist, digits: the base images) and
 * tables of numbers in memory that the ranks of a node share, and may make images by number. Adding
 * one is one file that defines an smr_image_ops and one line in images.c. */
#ifndef SIMMER_SRC_DATA_IMAGE_SOURCE_H
#define SIMMER_SRC_DATA_IMAGE_SOURCE_H

#include "simmer/base/random.h"
#include "simmer/comm/shared.h"
#include "simmer/data/images.h"

enum { SMR_NO_LABEL = 255, SMR_GENERATED_PIXELS = 1024 /* the most that are made at a read */ };

/* Test images of the digits, of bars and of ising are numbered from here on. */
static const int64_t smr_image_test_numbers = 1000000000000;

/* What is kept and how rows are numbered. Nothing but int64_t: nodes compare it byte by byte. */
typedef struct {
  int64_t n_rows, n_test; /* n_rows: training and held out */
  int64_t height, width;
  int64_t first, test_first; /* number of training row 0 and of test row 0 */
  int64_t end;               /* numbers run below this */
  int64_t n_kept;            /* images and labels in memory */
  int64_t n_floats;          /* of tables in memory */
  int64_t has_labels, is_two_valued;
  int64_t has_fields; /* infimnist: the original's */
} smr_image_plan;

/* The shared memory, cut up. */
typedef struct {
  uint8_t *pixels; /* [n_kept x n_pixels] */
  uint8_t *labels; /* [n_kept] */
  float *tables;   /* [n_floats] */
} smr_image_memory;

typedef struct {
  const char *name;
  /* Checks the configuration, finds files and their shapes. *reader may be set on failure too;
   * `close` frees it. Local; called by one rank a node. */
  smr_status (*plan)(const smr_image_config *config, const char *data_folder, smr_image_plan *plan,
                     void **reader) SMR_NODISCARD;
  /* Reads files into memory; NULL = nothing to read. Local; called by the rank that planned. */
  smr_status (*fill)(void *reader, const smr_image_plan *plan,
                     const smr_image_memory *memory) SMR_NODISCARD;
  void (*close)(void *reader);
  /* Makes share `part` of `n_parts` of what is kept without files, on the threads of this rank;
   * NULL = nothing to make. Local; called by every rank of a node. */
  smr_status (*make)(const smr_image_config *config, const smr_image_plan *plan,
                     const smr_image_memory *memory, int64_t part, int64_t n_parts) SMR_NODISCARD;
  /* Are rows kept (row number = place), or made by `generate` when they are read? */
  bool is_kept;
  /* Images number first..first+n-1; NULL where there are none but the file's. labels may be NULL.
   * Thread-safe; where rows aren't kept it neither fails nor allocates. */
  smr_status (*generate)(const smr_images *images, int64_t first, int64_t n, uint8_t *pixels,
                         uint8_t *labels) SMR_NODISCARD;
  double flops_per_pixel; /* of generate, where rows aren't kept */
} smr_image_ops;

extern const smr_image_ops smr_image_idx_ops, smr_image_digits_ops, smr_image_infimnist_ops,
    smr_image_hdf5_ops, smr_image_ising_ops, smr_image_bars_ops;

struct smr_images {
  const smr_image_ops *ops;
  smr_image_config config; /* without its strings */
  smr_image_plan plan;
  smr_image_shape shape;
  smr_shared *shared;
  smr_image_memory memory;
  int64_t n_held;    /* of every 100 rows, held out */
  int64_t first_on;  /* threshold: the least byte that is on */
  uint64_t hold_key; /* of the hash that tells held-out rows */
  smr_random_key sample_keys[3];
};

/* Number of a row of a stream, by the generator's numbering or in memory. The row must exist. */
int64_t smr_image_find(const smr_images *images, smr_stream stream, int64_t row);
/* How many of rows 0..n-1 are held out. */
int64_t smr_image_count_held(int64_t n_held, uint64_t key, int64_t n);
/* Row `row` of the rows that are held out (is_held) or aren't. */
int64_t smr_image_split(int64_t n_held, uint64_t key, bool is_held, int64_t row);
/* Checks first, count and test_count of a generator and sets the plan's rows and numbers. */
smr_status smr_image_plan_rows(const smr_image_config *config, int64_t default_count,
                               int64_t default_test, smr_image_plan *plan) SMR_NODISCARD;
/* Files that hold only 0 and 1: 1 becomes 255. */
void smr_image_widen(int64_t n, uint8_t *pixels);

#endif
