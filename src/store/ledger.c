/* What is finished, by the journals: questions to a ledger, and the parts behind it. */
#include "ledger.h"

#include <inttypes.h>
#include <string.h>

#include "part.h"
#include "simmer/base/memory.h"

uint64_t smr_ledger_spread(smr_hash unit) {
  /* Hashes are random already, but ledgers may be filled by tests that number their units. */
  uint64_t mixed = (unit.high ^ unit.low) * UINT64_C(0x9E3779B97F4A7C15);
  return mixed ^ (mixed >> 32);
}

int64_t smr_ledger_find_index(const smr_ledger *ledger, smr_hash unit) {
  if (ledger->n_slots == 0) {
    return -1;
  }
  uint64_t mask = (uint64_t)ledger->n_slots - 1;
  for (uint64_t slot = smr_ledger_spread(unit) & mask; ledger->slots[slot] != 0;
       slot = (slot + 1) & mask) {
    int64_t index = ledger->slots[slot] - 1;
    if (smr_hash_compare(ledger->units[index].entry.unit, unit) == 0) {
      return index;
    }
  }
  return -1;
}

void smr_ledger_settle(smr_ledger *ledger, smr_ledger_unit *unit) {
  const smr_ledger_history *history = unit->history < 0 ? NULL : &ledger->histories[unit->history];
  unit->entry.status = SMR_UNIT_PENDING;
  if (unit->entry.part >= 0) {
    unit->entry.status = SMR_UNIT_DONE;
  } else if (history != NULL && history->is_quarantined) {
    unit->entry.status = SMR_UNIT_QUARANTINED;
  } else if (history != NULL && history->is_failed) {
    unit->entry.status = SMR_UNIT_FAILED;
  }
}

int smr_ledger_is_before(const smr_ledger *ledger, int64_t part_a, int64_t row_a, int64_t part_b,
                         int64_t row_b) {
  if (part_a != part_b) {
    int order = strcmp(ledger->parts[part_a].name, ledger->parts[part_b].name);
    if (order != 0) {
      return order < 0;
    }
    return part_a < part_b;
  }
  return row_a < row_b;
}

smr_status smr_ledger_read(const char *folder, smr_ledger **out) {
  smr_status status = SMR_OK;
  smr_ledger *ledger = NULL;
  *out = NULL;
  SMR_TRY(smr_memory_alloc(1, sizeof *ledger, "ledger", (void *)&ledger));
  SMR_TRY_DONE(smr_file_join(ledger->folder, folder, "."));
  ledger->folder[strlen(ledger->folder) - 2] = '\0';
  SMR_TRY_DONE(smr_ledger_load(ledger));
  *out = ledger;
  ledger = NULL;
done:
  smr_ledger_destroy(&ledger);
  return status;
}

void smr_ledger_destroy(smr_ledger **ledger) {
  smr_ledger *ending = *ledger;
  if (ending == NULL) {
    return;
  }
  for (int64_t i = 0; i < ending->n_parts; i++) {
    smr_memory_free(ending->parts[i].name);
  }
  for (int64_t i = 0; i < ending->n_histories; i++) {
    smr_memory_free(ending->histories[i].message);
  }
  smr_memory_free(ending->parts);
  smr_memory_free(ending->rows);
  smr_memory_free(ending->units);
  smr_memory_free(ending->histories);
  smr_memory_free(ending->places);
  smr_memory_free(ending->slots);
  smr_memory_free(ending);
  *ledger = NULL;
}

int64_t smr_ledger_count_ignored(const smr_ledger *ledger) {
  return ledger->n_ignored;
}

const smr_ledger_entry *smr_ledger_find(const smr_ledger *ledger, smr_hash unit) {
  int64_t index = smr_ledger_find_index(ledger, unit);
  return index < 0 ? NULL : &ledger->units[index].entry;
}

int64_t smr_ledger_count_parts(const smr_ledger *ledger) {
  return ledger->n_parts;
}

static smr_status check_part_index(const smr_ledger *ledger, int64_t part) {
  if (part < 0 || part >= ledger->n_parts) {
    SMR_FAIL(SMR_ERR_INTERNAL, "there is no part %" PRId64, part);
  }
  return SMR_OK;
}

const char *smr_ledger_get_part_name(const smr_ledger *ledger, int64_t part) {
  return part < 0 || part >= ledger->n_parts ? "" : ledger->parts[part].name;
}

/* The bytes of a part, when they are those that the journal tells of. */
static smr_status load_part(const smr_ledger *ledger, int64_t index, char path[SMR_PATH_BYTES],
                            char **bytes, size_t *n_bytes) {
  char folder[SMR_PATH_BYTES];
  *bytes = NULL;
  *n_bytes = 0;
  SMR_TRY(check_part_index(ledger, index));
  const smr_ledger_part *part = &ledger->parts[index];
  SMR_TRY(smr_file_join(folder, ledger->folder, "parts"));
  SMR_TRY(smr_file_join(path, folder, part->name));
  int64_t size = smr_file_get_size(path);
  if (size < 0) {
    SMR_FAIL(SMR_ERR_CORRUPT, "%s is missing", path);
  }
  if (size != part->size) {
    SMR_FAIL(SMR_ERR_CORRUPT, "%s has %" PRId64 " bytes, its journal says %" PRId64, path, size,
             part->size);
  }
  SMR_TRY(smr_file_read(path, part->size, bytes, n_bytes));
  if ((int64_t)*n_bytes != part->size || smr_crc32(0, *bytes, *n_bytes) != part->crc) {
    smr_memory_free(*bytes);
    *bytes = NULL;
    SMR_FAIL(SMR_ERR_CORRUPT, "%s is damaged: its checksum isn't the one in its journal", path);
  }
  return SMR_OK;
}

smr_status smr_ledger_verify_part(const smr_ledger *ledger, int64_t part) {
  char path[SMR_PATH_BYTES];
  char *bytes = NULL;
  size_t n_bytes = 0;
  smr_status status = load_part(ledger, part, path, &bytes, &n_bytes);
  smr_memory_free(bytes);
  return status;
}

/* The unit's record is to be read from the first part that still counts, if any. */
static void fall_back(smr_ledger *ledger, smr_ledger_unit *unit) {
  unit->entry.part = -1;
  unit->entry.row = -1;
  int64_t place = unit->history < 0 ? -1 : ledger->histories[unit->history].other_places;
  for (; place >= 0; place = ledger->places[place].next) {
    const smr_ledger_place *other = &ledger->places[place];
    if (!ledger->parts[other->part].is_dropped &&
        (unit->entry.part < 0 || smr_ledger_is_before(ledger, other->part, other->row,
                                                      unit->entry.part, unit->entry.row))) {
      unit->entry.part = other->part;
      unit->entry.row = other->row;
    }
  }
  smr_ledger_settle(ledger, unit);
}

smr_status smr_ledger_drop_part(smr_ledger *ledger, int64_t part) {
  SMR_TRY(check_part_index(ledger, part));
  smr_ledger_part *dropped = &ledger->parts[part];
  dropped->is_dropped = 1;
  for (int64_t row = 0; row < dropped->n_rows; row++) {
    smr_ledger_unit *unit = &ledger->units[ledger->rows[dropped->first + row]];
    if (unit->entry.part == part) {
      fall_back(ledger, unit);
    }
  }
  return SMR_OK;
}

/* The hashes of a part's units. */
static smr_status list_units(const smr_ledger *ledger, const smr_ledger_part *part,
                             smr_hash **units) {
  SMR_TRY(smr_memory_alloc(part->n_rows, sizeof **units, "units of a part", (void *)units));
  for (int64_t row = 0; row < part->n_rows; row++) {
    (*units)[row] = ledger->units[ledger->rows[part->first + row]].entry.unit;
  }
  return SMR_OK;
}

smr_status smr_ledger_read_part(const smr_ledger *ledger, int64_t part, const smr_schema *schema,
                                int64_t *n_rows, double **records) {
  smr_status status = SMR_OK;
  char path[SMR_PATH_BYTES];
  char *bytes = NULL;
  size_t n_bytes = 0;
  smr_hash *units = NULL;
  int64_t n_doubles = 0;
  *n_rows = 0;
  *records = NULL;
  SMR_TRY(smr_schema_count(schema, &n_doubles));
  SMR_TRY_DONE(load_part(ledger, part, path, &bytes, &n_bytes));
  int64_t n = ledger->parts[part].n_rows;
  SMR_TRY_DONE(list_units(ledger, &ledger->parts[part], &units));
  SMR_TRY_DONE(smr_memory_alloc(n, (size_t)n_doubles * sizeof **records, "records of a part",
                                (void *)records));
  const smr_part_file file = {bytes, n_bytes, path};
  SMR_TRY_DONE(smr_part_unpack(&file, schema, n, units, *records));
  *n_rows = n;
done:
  if (status != SMR_OK) {
    smr_memory_free(*records);
    *records = NULL;
  }
  smr_memory_free(units);
  smr_memory_free(bytes);
  return status;
}
