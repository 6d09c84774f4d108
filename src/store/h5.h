/* What the files of this layer share of HDF5: start, errors, closing, types, and writing a list of
 * arrays into an open file. Private to store; all local. */
#ifndef SIMMER_SRC_STORE_H5_H
#define SIMMER_SRC_STORE_H5_H

#include <hdf5.h>

#include "simmer/store/array.h"

/* First call of every public function: keeps HDF5 from printing its errors and from working at
 * exit. */
void smr_h5_start(void);
/* Fails with our message, ": " and the innermost cause that HDF5 has kept. */
smr_status smr_h5_fail(smr_status status, const char *format, ...) SMR_PRINTF(2, 3);
/* Closes an id of any kind; negative ids are fine. Errors are of no interest any more. */
void smr_h5_drop(hid_t id);

#define SMR_H5_TRY_DONE(call, ...)                         \
  do {                                                     \
    if ((call) < 0) {                                      \
      status = smr_h5_fail(SMR_ERR_INTERNAL, __VA_ARGS__); \
      goto done;                                           \
    }                                                      \
  } while (0)

/* Types in files and in memory (library constants, not to be closed), and bytes of an element. The
 * type of texts is a copy: close it. */
hid_t smr_h5_get_file_type(smr_array_type type);
hid_t smr_h5_get_memory_type(smr_array_type type);
smr_status smr_h5_create_text_type(hid_t *type) SMR_NODISCARD;
size_t smr_h5_get_bytes(smr_array_type type);

/* Elements of an array that a caller describes; their bytes are countable too. */
smr_status smr_h5_count_elements(const smr_array *array, int64_t *n) SMR_NODISCARD;

/* Properties of a new file: creation order kept (netCDF-4 wants it), no dates, and a format with
 * checksums on all metadata that tools since 2008 read. */
smr_status smr_h5_set_object_properties(hid_t properties) SMR_NODISCARD;
smr_status smr_h5_create_file_properties(hid_t *creation, hid_t *access) SMR_NODISCARD;

/* What a file shall hold. An array whose data is NULL gets its space, and its values stay
 * unwritten. `auxiliary` lists 1-d arrays that are further coordinates of a dimension; other arrays
 * over such a dimension name them in their attribute `coordinates`. */
typedef struct {
  int64_t n_arrays;
  const smr_array *arrays;
  int64_t n_attributes;
  const smr_attribute *attributes;
  int64_t n_auxiliary;
  const char *const *auxiliary;
} smr_h5_contents;

smr_status smr_h5_write(hid_t file, const smr_h5_contents *contents) SMR_NODISCARD;
smr_status smr_h5_write_text_attribute(hid_t object, const char *name,
                                       const char *text) SMR_NODISCARD;

/* The beginning of the NAME of a scale that isn't a variable; netCDF-4 knows it by this. */
#define SMR_H5_PLAIN_SCALE "This is a netCDF dimension but not a netCDF variable."
/* Is it a dimension without a coordinate, which isn't an array to anybody? */
bool smr_h5_is_plain_scale(hid_t dataset);

#endif
