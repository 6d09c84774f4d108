/* The keys of a source of images, for the key table of any experiment that reads them. Private to
 * src/app. */
#ifndef SIMMER_APP_IMAGE_KEYS_H
#define SIMMER_APP_IMAGE_KEYS_H

#include <math.h>

#include "simmer/data/images.h"
#include "simmer/job/key.h"

/* Names of smr_image_source, in its order. */
#define SMR_IMAGE_SOURCES "digits", "idx", "hdf5", "infimnist", "ising", "bars-and-stripes"

/* Names of smr_binarize; NULL-terminated. */
extern const char *const smr_image_binarizations[];

/* The rows of data.* but data.source, which is each experiment's own; at(member) is the offset of a
 * member of smr_image_config in the experiment's struct. */
#define SMR_IMAGE_KEYS(at)                                                                         \
  {"data.file",                                                                                    \
   SMR_KEY_STRING,                                                                                 \
   0,                                                                                              \
   at(file),                                                                                       \
   0,                                                                                              \
   0,                                                                                              \
   "",                                                                                             \
   "\"\"",                                                                                         \
   NULL,                                                                                           \
   "idx, hdf5: file of the training images, relative to the data folder; .gz is tried, too."},     \
      {"data.labels",                                                                              \
       SMR_KEY_STRING,                                                                             \
       0,                                                                                          \
       at(labels),                                                                                 \
       0,                                                                                          \
       0,                                                                                          \
       "",                                                                                         \
       "\"\"",                                                                                     \
       NULL,                                                                                       \
       "idx: file of their labels; may be left out."},                                             \
      {"data.test_file",                                                                           \
       SMR_KEY_STRING,                                                                             \
       0,                                                                                          \
       at(test_file),                                                                              \
       0,                                                                                          \
       0,                                                                                          \
       "",                                                                                         \
       "\"\"",                                                                                     \
       NULL,                                                                                       \
       "idx, hdf5: file of the test images."},                                                     \
      {"data.test_labels",                                                                         \
       SMR_KEY_STRING,                                                                             \
       0,                                                                                          \
       at(test_labels),                                                                            \
       0,                                                                                          \
       0,                                                                                          \
       "",                                                                                         \
       "\"\"",                                                                                     \
       NULL,                                                                                       \
       "idx: file of the test labels."},                                                           \
      {"data.x",                                                                                   \
       SMR_KEY_STRING,                                                                             \
       0,                                                                                          \
       at(x_name),                                                                                 \
       0,                                                                                          \
       0,                                                                                          \
       "",                                                                                         \
       "images",                                                                                   \
       NULL,                                                                                       \
       "hdf5: dataset of the images, [rows, pixels] or [rows, height, width]; bytes 0..255, or "   \
       "reals "                                                                                    \
       "0..1."},                                                                                   \
      {"data.y", SMR_KEY_STRING,                                                                   \
       0,        at(y_name),                                                                       \
       0,        0,                                                                                \
       "",       "\"\"",                                                                           \
       NULL,     "hdf5: dataset of the labels."},                                                  \
      {"data.mnist",                                                                               \
       SMR_KEY_STRING,                                                                             \
       0,                                                                                          \
       at(mnist_folder),                                                                           \
       0,                                                                                          \
       0,                                                                                          \
       "",                                                                                         \
       "mnist",                                                                                    \
       NULL,                                                                                       \
       "infimnist: folder of the four MNIST files, relative to the data folder."},                 \
      {"data.fields",                                                                              \
       SMR_KEY_STRING,                                                                             \
       0,                                                                                          \
       at(fields),                                                                                 \
       0,                                                                                          \
       0,                                                                                          \
       "",                                                                                         \
       "\"\"",                                                                                     \
       NULL,                                                                                       \
       "infimnist: the original generator's file of deformation fields; empty for simmer's own."}, \
      {"data.tangents",                                                                            \
       SMR_KEY_STRING,                                                                             \
       0,                                                                                          \
       at(tangents),                                                                               \
       0,                                                                                          \
       0,                                                                                          \
       "",                                                                                         \
       "\"\"",                                                                                     \
       NULL,                                                                                       \
       "infimnist: the original generator's file of tangent vectors; empty for simmer's own."},    \
      {"data.first",                                                                               \
       SMR_KEY_INT,                                                                                \
       0,                                                                                          \
       at(first),                                                                                  \
       0,                                                                                          \
       1e15,                                                                                       \
       "",                                                                                         \
       "10000",                                                                                    \
       NULL,                                                                                       \
       "digits, infimnist: index of the first training image."},                                   \
      {"data.count",                                                                               \
       SMR_KEY_INT,                                                                                \
       SMR_KEY_OR_AUTO,                                                                            \
       at(count),                                                                                  \
       1,                                                                                          \
       1e15,                                                                                       \
       "rows",                                                                                     \
       "auto",                                                                                     \
       NULL,                                                                                       \
       "Training and held-out rows; auto is 60000 for generators and all there are for files."},   \
      {"data.test_count",                                                                          \
       SMR_KEY_INT,                                                                                \
       SMR_KEY_OR_AUTO,                                                                            \
       at(test_count),                                                                             \
       0,                                                                                          \
       1e12,                                                                                       \
       "rows",                                                                                     \
       "auto",                                                                                     \
       NULL,                                                                                       \
       "Test rows; auto is 10000 for digits, a sixth of data.count for Ising, else all."},         \
      {"data.side",                                                                                \
       SMR_KEY_INT,                                                                                \
       0,                                                                                          \
       at(side),                                                                                   \
       1,                                                                                          \
       1024,                                                                                       \
       "units",                                                                                    \
       "4",                                                                                        \
       NULL,                                                                                       \
       "ising: L of the L x L lattice, 2 at least; bars-and-stripes: rows and columns, 32 at "     \
       "most."},                                                                                   \
      {"data.coupling",                                                                            \
       SMR_KEY_REAL,                                                                               \
       0,                                                                                          \
       at(coupling),                                                                               \
       0,                                                                                          \
       INFINITY,                                                                                   \
       "",                                                                                         \
       "0.4406867935097715",                                                                       \
       NULL,                                                                                       \
       "ising: K = J/kT; the default is the critical coupling."},                                  \
      {"data.sweeps",                                                                              \
       SMR_KEY_INT,                                                                                \
       0,                                                                                          \
       at(sweeps),                                                                                 \
       1,                                                                                          \
       1e9,                                                                                        \
       "sweeps",                                                                                   \
       "200",                                                                                      \
       NULL,                                                                                       \
       "ising: Swendsen-Wang sweeps of every row, from a random start."},                          \
      {"data.binarize",                                                                            \
       SMR_KEY_CHOICE,                                                                             \
       0,                                                                                          \
       at(binarize),                                                                               \
       0,                                                                                          \
       0,                                                                                          \
       "",                                                                                         \
       "sample",                                                                                   \
       smr_image_binarizations,                                                                    \
       "Grey pixels: drawn as 0 or 1 with their value as probability, anew in every epoch; cut "   \
       "at "                                                                                       \
       "data.threshold; or used as probabilities (none)."},                                        \
      {"data.threshold",                                                                           \
       SMR_KEY_REAL,                                                                               \
       0,                                                                                          \
       at(threshold),                                                                              \
       0,                                                                                          \
       1,                                                                                          \
       "",                                                                                         \
       "0.5",                                                                                      \
       NULL,                                                                                       \
       "threshold: a pixel is on from this value."},                                               \
      {"data.invert",                                                                              \
       SMR_KEY_BOOL,                                                                               \
       0,                                                                                          \
       at(is_inverted),                                                                            \
       0,                                                                                          \
       0,                                                                                          \
       "",                                                                                         \
       "false",                                                                                    \
       NULL,                                                                                       \
       "Swap black and white, before anything else."},                                             \
  {                                                                                                \
    "data.holdout", SMR_KEY_REAL, 0, at(holdout), 0, 0.5, "", "0.1", NULL,                         \
        "Share of data.count that is held out of training to watch overfitting, in whole "         \
        "percents."                                                                                \
  }

#endif
