/* Identity hashes (128 bit FNV-1a: short, stable, no secrets involved) and CRC-32. All local. */
#ifndef SIMMER_BASE_HASH_H
#define SIMMER_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint64_t high, low;
} smr_hash;

enum { SMR_HASH_TEXT_BYTES = 33 };

/* Start value, and the hash after `bytes` more bytes. */
smr_hash smr_hash_start(void);
smr_hash smr_hash_add(smr_hash hash, const void *data, size_t bytes);
/* 32 hexadecimal digits and a terminator. Returns text. */
const char *smr_hash_format(smr_hash hash, char text[SMR_HASH_TEXT_BYTES]);
/* 1 and *hash set when text begins with 32 hexadecimal digits, else 0. */
int smr_hash_parse(const char *text, smr_hash *hash);
int smr_hash_compare(smr_hash a, smr_hash b);

/* CRC-32 (IEEE 802.3, zlib's) of the bytes so far; start with 0. */
uint32_t smr_crc32(uint32_t crc, const void *data, size_t bytes);
/* CRC-32 of two runs of bytes, one behind the other, from theirs and the length of the second. */
uint32_t smr_crc32_combine(uint32_t first, uint32_t second, int64_t second_bytes);

#endif
