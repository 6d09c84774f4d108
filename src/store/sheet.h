/* Cells in rows and columns, printed as CSV or in aligned columns. Private to store; local. */
#ifndef SIMMER_SRC_STORE_SHEET_H
#define SIMMER_SRC_STORE_SHEET_H

#include <stdbool.h>
#include <stdint.h>

#include "simmer/base/text.h"

enum { SMR_SHEET_COLUMNS = 64 };

typedef struct {
  bool is_csv;
  int n_columns;                     /* 1 to SMR_SHEET_COLUMNS */
  bool is_number[SMR_SHEET_COLUMNS]; /* aligned to the right */
  smr_text *out;
  smr_text cells; /* each with its terminator; printed at the end, when widths are known */
  int64_t n_cells;
  int widths[SMR_SHEET_COLUMNS];
} smr_sheet;

/* The next cell, row by row. */
smr_status smr_sheet_add(smr_sheet *sheet, const char *text) SMR_NODISCARD;
/* Prints what aligned columns have kept. */
smr_status smr_sheet_print(smr_sheet *sheet) SMR_NODISCARD;
void smr_sheet_clear(smr_sheet *sheet);

#endif
