/* HDF5's start, error texts, closing and types, in one place. */
#include "h5.h"

#include <stdio.h>

/* The most links or attributes that HDF5 lets an object header hold. */
enum { MOST_COMPACT = 65535 };

void smr_h5_start(void) {
  /* Without its exit handler HDF5 can't trip over a file that failed to close. It must be told
   * before anything else; later calls fail and do no harm. */
  H5dont_atexit();
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

static herr_t take_innermost(unsigned depth, const H5E_error2_t *error, void *text) {
  (void)depth;
  const char **out = text;
  if (error->desc != NULL && error->desc[0] != '\0') {
    *out = error->desc;
  }
  return 1; /* the first one is enough */
}

smr_status smr_h5_fail(smr_status status, const char *format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  const char *cause = NULL;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_innermost, (void *)&cause);
  if (cause != NULL) {
    smr_error_set(status, "%s (HDF5: %s)", text, cause);
  } else {
    smr_error_set(status, "%s", text);
  }
  H5Eclear2(H5E_DEFAULT);
  return status;
}

void smr_h5_drop(hid_t id) {
  if (id > 0) {
    H5Idec_ref(id);
    H5Eclear2(H5E_DEFAULT);
  }
}

hid_t smr_h5_get_file_type(smr_array_type type) {
  switch (type) {
  case SMR_F64:
    return H5T_IEEE_F64LE;
  case SMR_F32:
    return H5T_IEEE_F32LE;
  case SMR_I64:
    return H5T_STD_I64LE;
  case SMR_I32:
    return H5T_STD_I32LE;
  case SMR_U8:
    return H5T_STD_U8LE;
  case SMR_TEXTS:
  default:
    return H5I_INVALID_HID;
  }
}

hid_t smr_h5_get_memory_type(smr_array_type type) {
  switch (type) {
  case SMR_F64:
    return H5T_NATIVE_DOUBLE;
  case SMR_F32:
    return H5T_NATIVE_FLOAT;
  case SMR_I64:
    return H5T_NATIVE_INT64;
  case SMR_I32:
    return H5T_NATIVE_INT32;
  case SMR_U8:
    return H5T_NATIVE_UINT8;
  case SMR_TEXTS:
  default:
    return H5I_INVALID_HID;
  }
}

size_t smr_h5_get_bytes(smr_array_type type) {
  switch (type) {
  case SMR_F64:
  case SMR_I64:
    return 8;
  case SMR_F32:
  case SMR_I32:
    return 4;
  case SMR_U8:
    return 1;
  case SMR_TEXTS:
  default:
    return sizeof(char *);
  }
}

smr_status smr_h5_create_text_type(hid_t *type) {
  *type = H5Tcopy(H5T_C_S1);
  if (*type < 0 || H5Tset_size(*type, H5T_VARIABLE) < 0 || H5Tset_cset(*type, H5T_CSET_UTF8) < 0) {
    return smr_h5_fail(SMR_ERR_INTERNAL, "cannot make a type for texts");
  }
  return SMR_OK;
}

/* Everything stays in object headers, which have checksums: HDF5 1.10.8 crashes on damage in the
 * heaps that it would use for many links or attributes. */
smr_status smr_h5_set_object_properties(hid_t properties) {
  const unsigned order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
  if (H5Pset_obj_track_times(properties, 0) < 0 ||
      H5Pset_attr_creation_order(properties, order) < 0 ||
      H5Pset_attr_phase_change(properties, MOST_COMPACT, MOST_COMPACT) < 0) {
    return smr_h5_fail(SMR_ERR_INTERNAL, "cannot set the properties of a new dataset or file");
  }
  return SMR_OK;
}

smr_status smr_h5_create_file_properties(hid_t *creation, hid_t *access) {
  const unsigned order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
  *creation = H5Pcreate(H5P_FILE_CREATE);
  *access = H5Pcreate(H5P_FILE_ACCESS);
  if (*creation < 0 || *access < 0 || H5Pset_link_creation_order(*creation, order) < 0 ||
      H5Pset_link_phase_change(*creation, MOST_COMPACT, MOST_COMPACT) < 0 ||
      H5Pset_libver_bounds(*access, H5F_LIBVER_V18, H5F_LIBVER_V18) < 0) {
    return smr_h5_fail(SMR_ERR_INTERNAL, "cannot set the properties of a new HDF5 file");
  }
  return smr_h5_set_object_properties(*creation);
}

#define TEXT_OF(x) #x
#define VERSION_TEXT(major, minor, release) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(release)

const char *smr_store_library_version(void) {
  return VERSION_TEXT(H5_VERS_MAJOR, H5_VERS_MINOR, H5_VERS_RELEASE);
}
