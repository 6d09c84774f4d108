/* FNV-1a with 128 bits (Fowler, Noll, Vo; RFC 9923 has its constants) and zlib's CRC-32. */
#include "simmer/base/hash.h"

#include <zlib.h>

__extension__ typedef unsigned __int128 uint128;

smr_hash smr_hash_start(void) {
  return (smr_hash){UINT64_C(0x6c62272e07bb0142), UINT64_C(0x62b821756295c58d)};
}

smr_hash smr_hash_add(smr_hash hash, const void *data, size_t bytes) {
  const uint128 prime = ((uint128)1 << 88) + 0x13b;
  const unsigned char *byte = data;
  uint128 value = (uint128)hash.high << 64 | hash.low;
  for (size_t i = 0; i < bytes; i++) {
    value = (value ^ byte[i]) * prime;
  }
  return (smr_hash){(uint64_t)(value >> 64), (uint64_t)value};
}

const char *smr_hash_format(smr_hash hash, char text[SMR_HASH_TEXT_BYTES]) {
  static const char digits[] = "0123456789abcdef";
  for (int i = 0; i < 16; i++) {
    text[i] = digits[hash.high >> (60 - 4 * i) & 15];
    text[16 + i] = digits[hash.low >> (60 - 4 * i) & 15];
  }
  text[32] = '\0';
  return text;
}

/* Value of a hexadecimal digit, -1 for anything else. */
static int parse_digit(char digit) {
  if (digit >= '0' && digit <= '9') {
    return digit - '0';
  }
  if (digit >= 'a' && digit <= 'f') {
    return digit - 'a' + 10;
  }
  return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

int smr_hash_parse(const char *text, smr_hash *hash) {
  uint64_t words[2] = {0, 0};
  for (int i = 0; i < 32; i++) {
    int digit = parse_digit(text[i]);
    if (digit < 0) {
      return 0;
    }
    words[i / 16] = words[i / 16] << 4 | (uint64_t)digit;
  }
  *hash = (smr_hash){words[0], words[1]};
  return 1;
}

int smr_hash_compare(smr_hash a, smr_hash b) {
  if (a.high != b.high) {
    return a.high < b.high ? -1 : 1;
  }
  return (a.low > b.low) - (a.low < b.low);
}

uint32_t smr_crc32(uint32_t crc, const void *data, size_t bytes) {
  /* zlib answers a NULL buffer with its start value, whatever crc is. */
  return bytes == 0 ? crc : (uint32_t)crc32_z(crc, data, bytes);
}

uint32_t smr_crc32_combine(uint32_t first, uint32_t second, int64_t second_bytes) {
  return (uint32_t)crc32_combine(first, second, (z_off_t)second_bytes);
}
