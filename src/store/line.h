/* The format of a journal, in one place for its writer and its reader.
 *
 * A journal DIR/journal/<writer>.log is text. Each line ends with the CRC-32 of all bytes before it
 * (8 hexadecimal digits) and a newline. Columns are fixed and separated by one blank:
 *
 *   D <part name, padded to 112> <size of the part in bytes, 16 hex> <CRC-32 of the part, 8 hex>
 *     <number of units n, 8 hex> <n unit hashes of 32 hex, in row order> <crc>
 *         n units are done; their records are in DIR/parts/<part name>.
 *   F <hash> <status code, 2 hex> <message> <crc>
 *         The unit failed. In the message %, control characters and bytes that would break the line
 *         are written as %XX.
 *   S <hash> <crc>               A suspect unit starts, among others.
 *   A <hash> <crc>               A suspect unit starts, alone.
 *   Q <hash> <deaths, 8 hex> <crc>   The unit is given up after so many deaths.
 *   R <hash> <crc>               The unit is to be tried again: what earlier lines and journals (by
 *                                name) say of its failures and starts is void.
 *
 * Empty lines mean nothing: a writer begins a new line after a write that may have been torn. */
#ifndef SIMMER_STORE_LINE_H
#define SIMMER_STORE_LINE_H

enum {
  SMR_LINE_PART_NAME = 112, /* columns of a part's name */
  SMR_LINE_HASH = 32,       /* digits of a hash */
  SMR_LINE_CRC = 8,         /* digits of a CRC */
  SMR_LINE_DONE_HEAD = 149, /* a D line up to its first hash's blank */
  SMR_LINE_UNIT_HEAD = 34,  /* "F <hash>" and the like */
  SMR_LINE_MESSAGE = 2000,  /* bytes of a message that are kept */
  SMR_PART_UNITS = 4096     /* units in a part at most, so that a D line is below 136 KiB */
};

#endif
