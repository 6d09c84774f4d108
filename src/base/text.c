/* Growing strings, and edit distance for "did you mean". */
#include "simmer/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 64, DISTANCE_LENGTH = 255 };

/* Room for `more` bytes and the terminator. */
static smr_status reserve(smr_text *text, size_t more) {
  size_t needed = 0;
  if (__builtin_add_overflow(text->length, more, &needed) || needed >= PTRDIFF_MAX / 2) {
    SMR_FAIL(SMR_ERR_LIMIT, "a text of %zu and %zu more bytes can't be addressed", text->length,
             more);
  }
  needed++;
  if (needed <= text->capacity) {
    return SMR_OK;
  }
  size_t capacity = text->capacity > 0 ? text->capacity : FIRST_CAPACITY;
  while (capacity < needed) {
    capacity *= 2;
  }
  char *data = realloc(text->data, capacity);
  if (data == NULL) {
    SMR_FAIL(SMR_ERR_MEMORY, "not enough memory for a text of %zu bytes", capacity);
  }
  text->data = data;
  text->capacity = capacity;
  return SMR_OK;
}

smr_status smr_text_add(smr_text *text, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  if (length < 0) {
    SMR_FAIL(SMR_ERR_INTERNAL, "a text can't be formatted as \"%s\"", format);
  }
  SMR_TRY(reserve(text, (size_t)length));
  va_start(arguments, format);
  vsnprintf(text->data + text->length, (size_t)length + 1, format, arguments);
  va_end(arguments);
  text->length += (size_t)length;
  return SMR_OK;
}

smr_status smr_text_add_bytes(smr_text *text, const void *data, size_t bytes) {
  SMR_TRY(reserve(text, bytes));
  if (bytes > 0) {
    memcpy(text->data + text->length, data, bytes);
  }
  text->length += bytes;
  text->data[text->length] = '\0';
  return SMR_OK;
}

/* Bytes of the UTF-8 character that begins here, 0 if none does (RFC 3629: no overlong forms, no
 * surrogates, nothing beyond U+10FFFF). */
static int measure_character(const unsigned char *c) {
  const int n = c[0] < 0x80       ? 1
                : c[0] >> 5 == 6  ? 2
                : c[0] >> 4 == 14 ? 3
                : c[0] >> 3 == 30 ? 4
                                  : 0;
  for (int i = 1; i < n; ++i) {
    if (c[i] >> 6 != 2) {
      return 0;
    }
  }
  int is_overlong = (n == 2 && c[0] < 0xc2) || (n == 3 && c[0] == 0xe0 && c[1] < 0xa0) ||
                    (n == 4 && c[0] == 0xf0 && c[1] < 0x90);
  int is_outside = (n == 3 && c[0] == 0xed && c[1] > 0x9f) ||
                   (n == 4 && (c[0] > 0xf4 || (c[0] == 0xf4 && c[1] > 0x8f)));
  return is_overlong || is_outside ? 0 : n;
}

smr_status smr_text_add_json(smr_text *text, const char *words) {
  SMR_TRY(smr_text_add_bytes(text, "\"", 1));
  for (const unsigned char *c = (const unsigned char *)words; *c != '\0';) {
    int n = measure_character(c);
    if (n == 0) {
      SMR_TRY(smr_text_add(text, "\\ufffd"));
    } else if (*c == '"' || *c == '\\') {
      SMR_TRY(smr_text_add(text, "\\%c", *c));
    } else if (*c < ' ') {
      SMR_TRY(smr_text_add(text, "\\u%04x", *c));
    } else {
      SMR_TRY(smr_text_add_bytes(text, c, (size_t)n));
    }
    c += n > 0 ? n : 1;
  }
  return smr_text_add_bytes(text, "\"", 1);
}

void smr_text_clear(smr_text *text) {
  free(text->data);
  *text = (smr_text){0};
}

static int least(int a, int b) {
  return a < b ? a : b;
}

int smr_text_distance(const char *a, const char *b) {
  /* Row i holds the distances of a's first i letters to every prefix of b; a swap looks two rows
   * back. */
  int rows[3][DISTANCE_LENGTH + 1];
  size_t length_a = strlen(a);
  size_t length_b = strlen(b);
  if (length_a > DISTANCE_LENGTH || length_b > DISTANCE_LENGTH) {
    /* No name is that long, so nothing is near it but itself. */
    return strcmp(a, b) == 0 ? 0 : (int)(length_a > length_b ? length_a : length_b);
  }
  for (size_t j = 0; j <= length_b; j++) {
    rows[0][j] = (int)j;
  }
  for (size_t i = 1; i <= length_a; i++) {
    int *row = rows[i % 3];
    const int *above = rows[(i + 2) % 3];
    const int *above2 = rows[(i + 1) % 3];
    row[0] = (int)i;
    for (size_t j = 1; j <= length_b; j++) {
      int changed = above[j - 1] + (a[i - 1] != b[j - 1]);
      row[j] = least(changed, 1 + least(above[j], row[j - 1]));
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = least(row[j], above2[j - 2] + 1);
      }
    }
  }
  return rows[length_a % 3][length_b];
}
