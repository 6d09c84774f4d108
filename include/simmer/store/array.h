/* Labelled arrays in HDF5 files that netCDF-4 tools open; files that survive a kill.
 *
 * A file is a list of named arrays with named dimensions. A one-dimensional array named like its
 * only dimension is a dimension scale (coordinate); other arrays attach to the scales of their
 * dimensions. Small files are built in memory (core driver, file image) and written by
 * smr_file_write. Serial: needs no MPI_Init, local; not thread-safe (one thread may be in HDF5). */
#ifndef SIMMER_STORE_ARRAY_H
#define SIMMER_STORE_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "simmer/base/array.h"
#include "simmer/base/error.h"
#include "simmer/base/text.h"

/* Root attribute: text, or when text is NULL a whole number (is_integer) or a real one. */
typedef struct {
  const char *name;
  const char *text;
  double number;
  bool is_integer;
  int64_t integer;
} smr_attribute;

/* The file as bytes (freed by smr_memory_free), with its CRC. The bytes depend on the arguments
 * only (no dates). */
smr_status smr_arrays_pack(int64_t n_arrays, const smr_array *arrays, int64_t n_attributes,
                           const smr_attribute *attributes, void **image,
                           size_t *bytes) SMR_NODISCARD;
/* pack + smr_file_write. */
smr_status smr_arrays_write(const char *path, int64_t n_arrays, const smr_array *arrays,
                            int64_t n_attributes, const smr_attribute *attributes) SMR_NODISCARD;

/* Creates (or empties) the file with everything but the values of arrays whose data is NULL, whose
 * bytes are to be written in place by whoever has them: offsets[n_arrays] of their values in the
 * file, -1 for the others. They are row-major, little-endian, in one piece; zero until written. The
 * space is taken at once where the file system can; nothing is left behind on failure. */
smr_status smr_arrays_reserve(const char *path, int64_t n_arrays, const smr_array *arrays,
                              int64_t n_attributes, const smr_attribute *attributes,
                              int64_t *offsets) SMR_NODISCARD;

/* An open file. SMR_ERR_IO / SMR_ERR_CORRUPT with path, and for a missing dataset the names there
 * are. */
typedef struct smr_arrays smr_arrays;
smr_status smr_arrays_open(const char *path, smr_arrays **out) SMR_NODISCARD;
/* From bytes in memory (borrowed until close). */
smr_status smr_arrays_open_image(const void *image, size_t bytes, const char *name_for_messages,
                                 smr_arrays **out) SMR_NODISCARD;
void smr_arrays_close(smr_arrays **arrays);
/* Type, shape, dimension names, unit of one dataset; strings are owned by `arrays`. Any integer or
 * float type in the file maps to the nearest smr_array_type and is converted on reading. */
smr_status smr_arrays_inspect(smr_arrays *arrays, const char *name, smr_array *out) SMR_NODISCARD;
/* Rows first..first+count-1 of the first dimension (everything for scalars) as `type` into data.
 * Sizes in headers are checked against the file before anything is allocated by them. Texts are
 * const char * that `arrays` owns. SMR_ERR_CORRUPT when an integer type can't hold a value. */
smr_status smr_arrays_read(smr_arrays *arrays, const char *name, smr_array_type type, int64_t first,
                           int64_t count, void *data) SMR_NODISCARD;
/* Root attribute as text (numbers printed), freed by smr_memory_free; SMR_ERR_INPUT when missing.
 */
smr_status smr_arrays_read_attribute(smr_arrays *arrays, const char *name,
                                     char **text) SMR_NODISCARD;

/* `simmer show`: what the file holds (datasets, shapes, dimensions, units, meaning; root
 * attributes), or one variable as a table, or as CSV with one row per element and one column per
 * coordinate (name may be NULL for a listing). */
smr_status smr_arrays_show(const char *path, const char *name, bool csv,
                           smr_text *out) SMR_NODISCARD;
/* "1.10.8". */
const char *smr_store_library_version(void);

#endif
