/* CSV as it comes; aligned columns when all widths are known. */
#include "sheet.h"

#include <string.h>

/* Characters on a screen: bytes of UTF-8 that begin one. */
static int count_characters(const char *text) {
  int n = 0;
  for (; *text != '\0'; text++) {
    n += ((unsigned char)*text & 0xc0) != 0x80;
  }
  return n;
}

static smr_status add_csv(smr_sheet *sheet, const char *text, int column) {
  const bool is_last = column == sheet->n_columns - 1;
  if (strpbrk(text, ",\"\r\n") == NULL) {
    return smr_text_add(sheet->out, "%s%s", text, is_last ? "\n" : ",");
  }
  SMR_TRY(smr_text_add(sheet->out, "\""));
  for (; *text != '\0'; text++) {
    SMR_TRY(smr_text_add(sheet->out, "%s%c", *text == '"' ? "\"" : "", *text));
  }
  return smr_text_add(sheet->out, "\"%s", is_last ? "\n" : ",");
}

smr_status smr_sheet_add(smr_sheet *sheet, const char *text) {
  const int column = (int)(sheet->n_cells % sheet->n_columns);
  sheet->n_cells++;
  if (sheet->is_csv) {
    return add_csv(sheet, text, column);
  }
  const int width = count_characters(text);
  if (width > sheet->widths[column]) {
    sheet->widths[column] = width;
  }
  return smr_text_add_bytes(&sheet->cells, text, strlen(text) + 1);
}

static smr_status print_cell(const smr_sheet *sheet, const char *text, int column) {
  const bool is_last = column == sheet->n_columns - 1;
  const int missing = sheet->widths[column] - count_characters(text);
  if (sheet->is_number[column]) {
    return smr_text_add(sheet->out, "%*s%s%s", missing, "", text, is_last ? "\n" : "  ");
  }
  if (is_last) {
    return smr_text_add(sheet->out, "%s\n", text);
  }
  return smr_text_add(sheet->out, "%s%*s  ", text, missing, "");
}

/* No blanks at the end of a line. */
static void trim_line(smr_text *out) {
  size_t length = out->length - 1;
  while (length > 0 && out->data[length - 1] == ' ') {
    length--;
  }
  out->data[length] = '\n';
  out->data[length + 1] = '\0';
  out->length = length + 1;
}

smr_status smr_sheet_print(smr_sheet *sheet) {
  const char *text = sheet->cells.data;
  for (int64_t i = 0; !sheet->is_csv && i < sheet->n_cells; i++) {
    const int column = (int)(i % sheet->n_columns);
    SMR_TRY(print_cell(sheet, text, column));
    if (column == sheet->n_columns - 1) {
      trim_line(sheet->out);
    }
    text += strlen(text) + 1;
  }
  return SMR_OK;
}

void smr_sheet_clear(smr_sheet *sheet) {
  smr_text_clear(&sheet->cells);
}
