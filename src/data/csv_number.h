/* Text to double, for one field of a CSV file. Private to src/data. */
#ifndef SMR_DATA_CSV_NUMBER_H
#define SMR_DATA_CSV_NUMBER_H

typedef enum { SMR_FIELD_NUMBER, SMR_FIELD_NOT_FINITE, SMR_FIELD_EMPTY, SMR_FIELD_TEXT } smr_field;

/* What begin..end (no blanks at its ends) is, and its value when it is a number: the nearest double
 * to the decimal number, point as decimal separator. The text must go on with a character that
 * can't belong to a number, as NUL. Local. */
smr_field smr_csv_parse_number(const char *begin, const char *end, double *value);

#endif
