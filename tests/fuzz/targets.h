/* Readers of untrusted bytes, one function each: any bytes must end in a status, never in a crash,
 * a leak or an endless loop. */
#ifndef SIMMER_TESTS_FUZZ_TARGETS_H
#define SIMMER_TESTS_FUZZ_TARGETS_H

#include <stddef.h>
#include <stdint.h>

typedef void (*fuzz_target)(const uint8_t *data, size_t size);

/* "job", "csv", "idx", "hdf5", "model", "journal"; NULL for another name. */
fuzz_target fuzz_find(const char *name);

#endif
