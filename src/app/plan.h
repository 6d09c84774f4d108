/* Measured rates of a host type, kept in the user's cache folder. Local. */
#ifndef SIMMER_APP_PLAN_H
#define SIMMER_APP_PLAN_H

#include "units.h"

/* Measures for a few seconds and keeps the result for this CPU type. */
smr_status smr_rates_calibrate(smr_rates *rates) SMR_NODISCARD;
/* Rates kept for this CPU type; 0 when there are none (*rates is then the reference). */
int smr_rates_load(smr_rates *rates);

#endif
