/* Fault points: places that fail, or wait, when a test asks for it. Local. */
#ifndef SIMMER_BASE_FAULT_H
#define SIMMER_BASE_FAULT_H

/* SIMMER_FAULT=site:rank:count in the environment makes the count-th pass through `site` on world
 * rank `rank` (or `*`) fail. Returns true when this pass must fail. Always false in builds without
 * SIMMER_FAULTS. smr_fault_set_rank is called once after MPI has started. */
int smr_fault(const char *site);
void smr_fault_set_rank(int world_rank);
/* SIMMER_DELAY=site:milliseconds makes every pass through `site` wait, so that what tests stop
 * midway lasts long enough on any machine. Never waits in builds without SIMMER_FAULTS. */
void smr_fault_delay(const char *site);

#endif
