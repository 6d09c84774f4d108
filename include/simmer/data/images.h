/* Datasets of images (or other binary rows): files and generators behind one interface, "rows of a
 * stream".
 *
 * Streams: training rows, rows held out for validation, test rows. Row r of a stream is the same
 * image on every rank, at every time. Files, and the base images of generators, are kept once a
 * node in shared memory, as uint8 until used; generated images are made when they are read. Adding
 * a source is one file and one line in the registry of src/data/images.c. */
#ifndef SIMMER_DATA_IMAGES_H
#define SIMMER_DATA_IMAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "simmer/comm/context.h"

typedef enum {
  SMR_IMAGES_DIGITS,    /* built-in strokes, deformed; endless */
  SMR_IMAGES_IDX,       /* IDX files, plain or gzip */
  SMR_IMAGES_HDF5,      /* a dataset [rows x pixels] or [rows x height x width] */
  SMR_IMAGES_INFIMNIST, /* MNIST deformed by the index rule (Loosli, Canu, Bottou 2006); endless */
  SMR_IMAGES_ISING,     /* periodic L x L Ising configurations, one Swendsen-Wang run a row */
  SMR_IMAGES_BARS       /* bars and stripes (MacKay 2003): every row or every column on or off */
} smr_image_source;
typedef enum { SMR_BINARIZE_SAMPLE, SMR_BINARIZE_THRESHOLD, SMR_BINARIZE_NONE } smr_binarize;
typedef enum { SMR_STREAM_TRAIN, SMR_STREAM_VALID, SMR_STREAM_TEST } smr_stream;

/* Plain configuration; strings borrowed, "" or NULL = none; paths relative to the data folder. A
 * file whose name isn't there is looked for with .gz behind it, or without (idx, infimnist). Files
 * whose whole numbers are 0 and 1 alone are two-valued: 1 is kept as 255. */
typedef struct {
  int source;                          /* smr_image_source */
  const char *file, *labels;           /* idx: image and label files; hdf5: file in `file` */
  const char *test_file, *test_labels; /* the same for the test stream */
  const char *x_name, *y_name; /* hdf5: names of the datasets (0..255, or fractions 0..1); y_name ""
                                  = no labels; the same names in test_file */
  const char *mnist_folder;    /* infimnist: folder of the four MNIST files */
  const char *fields, *tangents; /* infimnist: the original's files, "" = own smooth ones */
  int64_t first; /* digits, infimnist: number of the first training image. infimnist: not below
                    test_count, since test images are numbers 0, 1, …; digits: any (test images are
                    written by other hands) */
  int64_t count; /* generators: training plus held-out images; files: use the first `count` rows;
                    -1 = all (digits, infimnist, ising: 60000; bars: every pattern) */
  int64_t test_count; /* the same for test rows; -1 = all (digits, infimnist: 10000; ising:
                         count / 6; bars: none; bars otherwise: the patterns after `count`) */
  int64_t side;       /* ising: L, 2 to 4096; bars: rows and columns, 1 to 32 */
  double coupling;    /* ising: K = J/kT >= 0 */
  int64_t sweeps;     /* ising: cluster sweeps before a row is taken */
  int binarize;       /* smr_binarize; ising and bars are left as they are */
  double threshold;   /* threshold: on when pixel / 255 >= threshold */
  bool is_inverted;   /* pixel -> 255 - pixel, before binarizing */
  double holdout;     /* share of `count` rows held out, in [0, 0.5] */
  uint64_t seed;      /* of held-out rows, of drawn bits and of ising; image number i of the other
                         generators is the same for every seed */
} smr_image_config;

typedef struct {
  int64_t n_train, n_valid, n_test;
  int64_t height, width, n_pixels; /* n_pixels = height x width */
  bool is_generated;               /* made when read: epochs are not what limits it */
  bool has_labels;
  int64_t shared_bytes;   /* once a node: 55 MB of MNIST, 376 MB more with its tangent file */
  uint32_t crc;           /* of what the files hold; 0 for generators, and before they are opened */
  double flops_per_image; /* of reading one, for `plan` */
} smr_image_shape;

/* Shape without MPI and without keeping the data: headers are checked against file sizes before
 * they are trusted. Errors name the file and say what is wrong: missing, truncated, wrong magic
 * number, counts of labels and images that differ, empty. Local. */
smr_status smr_images_inspect(const smr_image_config *config, const char *data_folder,
                              smr_image_shape *shape) SMR_NODISCARD;

typedef struct smr_images smr_images;

/* Opens the data: one rank a node reads files into node-shared memory; the ranks of a node share
 * the making of generated base images. Collective on context. */
smr_status smr_images_open(const smr_context *context, const smr_image_config *config,
                           const char *data_folder, smr_images **out) SMR_NODISCARD;
/* Collective on the context it was opened with; accepts NULL. */
void smr_images_close(smr_images **images);
smr_image_shape smr_images_get_shape(const smr_images *images);
int64_t smr_images_count(const smr_images *images, smr_stream stream);

/* Rows rows[0..n-1] of a stream, out [n x n_pixels]: pixel / 255 in [0,1], inverted and binarized
 * as configured. `draw` numbers the draws of `sample`: pixel p of a row is on when u < value with u
 * a pure function of (seed, stream, row, draw, p). Training and held-out rows are told apart by a
 * hash of seed and index: of every 100 consecutive indices the round(100 holdout) with the smallest
 * hashes are held out; both streams keep the order, and more rows leave the held-out ones held out.
 * SMR_ERR_INTERNAL for a row that isn't there. Local, thread-safe, no allocation. */
smr_status smr_images_read(const smr_images *images, smr_stream stream, int64_t n,
                           const int64_t *rows, uint64_t draw, float *out) SMR_NODISCARD;
/* The same rows as they are kept: pixels [n x n_pixels] 0..255 (neither inverted nor binarized),
 * labels[n] (NULL = not wanted; 255 where there are none). */
smr_status smr_images_read_bytes(const smr_images *images, smr_stream stream, int64_t n,
                                 const int64_t *rows, uint8_t *pixels,
                                 uint8_t *labels) SMR_NODISCARD;
/* Generators: images of numbers first..first+n-1 by the generator's own numbering, e.g.
 * 10000..8109999 of infimnist is mnist8m; 10^12 and on are test images of digits and ising; bars:
 * patterns. SMR_ERR_INPUT for files and for numbers that there aren't. Local, thread-safe. */
smr_status smr_images_generate(const smr_images *images, int64_t first, int64_t n, uint8_t *pixels,
                               uint8_t *labels) SMR_NODISCARD;
/* Mean of every pixel over the training rows as smr_images_read gives them (draw 0): mean[n_pixels]
 * on every rank; over the first min(n_train, 60000) rows. Fixed row blocks spread over ranks and
 * threads, exact sums: bits independent of ranks. Collective on context. */
smr_status smr_images_get_mean(const smr_context *context, const smr_images *images,
                               double *mean) SMR_NODISCARD;

/* Writes generated images number first..first+count-1 to PATH: HDF5 (datasets `images` [count x
 * height x width], `labels` [count]) when it ends in .h5 or .hdf5, else IDX, images to PATH and
 * labels, where there are any, beside it (…-images-idx3-ubyte -> …-labels-idx1-ubyte, else
 * PATH.labels). The bytes don't depend on ranks. Every rank writes its share in place into a
 * temporary file that is renamed when whole; free space is checked first (SMR_ERR_FULL). Collective
 * on context. */
smr_status smr_images_write(const smr_context *context, const smr_images *images, int64_t first,
                            int64_t count, const char *path) SMR_NODISCARD;

#endif
