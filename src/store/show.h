/* The two ways to show a file: what it holds, and one variable. Private to store; local. */
#ifndef SIMMER_SRC_STORE_SHOW_H
#define SIMMER_SRC_STORE_SHOW_H

#include "array_file.h"

smr_status smr_show_variable(smr_arrays *arrays, const char *name, bool csv,
                             smr_text *out) SMR_NODISCARD;

#endif
