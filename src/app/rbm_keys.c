/* Keys of the experiments that train RBMs: data, model and training are the same for all; each adds
 * its own at one end of the list, so that a table is a window of it. */
#include <math.h>

#include "image_keys.h"
#include "rbm.h"

static const char *const sources[] = {SMR_IMAGE_SOURCES, NULL};
static const char *const schedules[] = {"constant", "step",         "exponential",
                                        "cosine",   "inverse_time", NULL};
static const char *const phases[] = {"cd", "pcd", "tempered", NULL};
static const char *const modes[] = {"auto", "serial", "parallel", NULL};
static const char *const terms[] = {"ones", "field", NULL};

#define AT(field) offsetof(smr_rbm_job, field)
#define AT_DATA(field) AT(data.field)

/* Rows of renormalize.*; of data.*, rbm.*, tempering.* and train.*; of monitor.* and checkpoint.*.
 */
enum { N_RENORMALIZE = 3, N_MODEL = 56, N_MONITOR = 10 };
enum { N_KEYS = N_RENORMALIZE + N_MODEL + N_MONITOR };

static const smr_key keys[] = {
    {"renormalize.term", SMR_KEY_CHOICE, 0, AT(renormalize.term), 0, 0, "", "ones", terms,
     "K(v) that is added to the energy, in units of renormalize.strength: the number of ones, or "
     "an "
     "independent normal number for each state, drawn anew in each replicate (field)."},
    {"renormalize.strength", SMR_KEY_REAL, 0, AT(renormalize.strength), -100, 100, "", "0.5", NULL,
     "Factor of K(v); 0 leaves the energy as it is."},
    {"renormalize.smoothing", SMR_KEY_REAL, SMR_KEY_OPEN_MINIMUM, AT(renormalize.smoothing), 0, 1,
     "", "0.05", NULL,
     "All sources but ising: share of the uniform distribution in that of the data, so that every "
     "state has a probability."},

    [N_RENORMALIZE] =
        {"data.source", SMR_KEY_CHOICE, 0, AT(data.source), 0, 0, "", "digits", sources,
         "Where images come from: built-in deformed digits, IDX files, HDF5, MNIST deformed by the "
         "InfiMNIST index rule, Ising configurations, or bars and stripes."},
    SMR_IMAGE_KEYS(AT_DATA),

    {"rbm.hidden", SMR_KEY_INT, SMR_KEY_REQUIRED, AT(rbm.n_hidden), 1, 1e7, "units", NULL, NULL,
     "Hidden units."},
    {"rbm.negative_phase", SMR_KEY_CHOICE, 0, AT(rbm.negative_phase), 0, 0, "", "pcd", phases,
     "Contrastive divergence from the data (Hinton 2002), from persistent chains (Tieleman 2008), "
     "or "
     "from the cold end of parallel tempering that follows the training (Desjardins et al. 2010)."},
    {"rbm.k", SMR_KEY_INT, 0, AT(rbm.gibbs_steps), 1, 1e6, "sweeps", "1", NULL,
     "Gibbs sweeps of the negative phase; tempered: scans of an update, each a sweep of all "
     "temperatures and a round of swaps."},
    {"rbm.k_final", SMR_KEY_INT, SMR_KEY_OR_AUTO, AT(rbm.gibbs_steps_final), 1, 1e6, "sweeps",
     "auto", NULL, "Sweeps that k rises to over the training; auto is rbm.k."},
    {"rbm.sampled_statistics", SMR_KEY_BOOL, 0, AT(rbm.is_sampled), 0, 0, "", "false", NULL,
     "Take statistics from samples of the units instead of from their probabilities."},
    {"rbm.centred", SMR_KEY_BOOL, 0, AT(rbm.is_centred), 0, 0, "", "true", NULL,
     "Centred gradient (Melchior, Fischer, Wiskott 2016): learns light on dark as well as dark on "
     "light."},
    {"rbm.offset_rate", SMR_KEY_REAL, SMR_KEY_OPEN_MINIMUM, AT(rbm.offset_rate), 0, 1, "", "0.01",
     NULL, "Rate of the moving averages that the gradient is centred by."},
    {"rbm.weight_scale", SMR_KEY_REAL, SMR_KEY_OR_AUTO, AT(rbm.weight_scale), 0, INFINITY, "",
     "auto", NULL, "Standard deviation of the first weights; auto is 0.01."},
    {"rbm.hidden_bias", SMR_KEY_REAL, 0, AT(rbm.hidden_bias), -INFINITY, INFINITY, "", "0", NULL,
     "First biases of the hidden units; negative ones ask for sparse codes."},
    {"rbm.data_bias", SMR_KEY_BOOL, 0, AT(rbm.has_data_bias), 0, 0, "", "true", NULL,
     "First biases of the visible units are the log odds of the mean image, else 0."},
    {"rbm.start", SMR_KEY_STRING, 0, AT(start), 0, 0, "", "\"\"", NULL,
     "Model to start from: a file, an output folder, or DIR[key=value,...] for one unit of a "
     "sweep; "
     "'python -m analysis convert' makes files from NumPy arrays."},

    {"tempering.chains", SMR_KEY_INT, SMR_KEY_OR_AUTO, AT(rbm.tempered.n_chains), 1, 1e6, "chains",
     "auto", NULL,
     "tempered: independent ladders, each giving one negative sample an update; auto is "
     "train.batch, at most 128."},
    {"tempering.observers", SMR_KEY_INT, SMR_KEY_OR_AUTO, AT(rbm.tempered.n_observers), 2, 1e6,
     "chains", "auto", NULL,
     "tempered: further ladders that give ln Z and no samples to the gradient, which would bias "
     "it; "
     "auto is a quarter of tempering.chains, and 16 at least."},
    {"tempering.temperatures", SMR_KEY_INT, SMR_KEY_OR_AUTO, AT(rbm.tempered.n_temperatures), 2,
     10000, "", "auto", NULL,
     "tempered: temperatures of a ladder; auto follows twice its communication barrier."},
    {"tempering.most_temperatures", SMR_KEY_INT, SMR_KEY_OR_AUTO,
     AT(rbm.tempered.most_temperatures), 2, 10000, "", "auto", NULL,
     "tempered: bound of an automatic number; memory is made for it. auto is 40."},
    {"tempering.window", SMR_KEY_INT, SMR_KEY_OR_AUTO, AT(rbm.tempered.window), 4, 100000, "scans",
     "auto", NULL,
     "tempered: latest scans that ln Z, and the checks if the chains keep up, look at; auto is "
     "32."},
    {"tempering.most_sweeps", SMR_KEY_INT, SMR_KEY_OR_AUTO, AT(rbm.tempered.most_sweeps), 1, 1e6,
     "sweeps", "auto", NULL,
     "tempered: scans of an update when equilibrium is lost, at most; auto is 8 times rbm.k."},
    {"tempering.least_acceptance", SMR_KEY_REAL, SMR_KEY_OR_AUTO, AT(rbm.tempered.least_acceptance),
     0, 0.99, "", "auto", NULL,
     "tempered: below this acceptance of swaps at any edge equilibrium counts as lost; auto is "
     "0.15, 0 ignores it."},
    {"tempering.least_effective", SMR_KEY_REAL, SMR_KEY_OR_AUTO, AT(rbm.tempered.least_effective),
     0, 0.99, "", "auto", NULL,
     "tempered: the same below this share of samples that stay effective while the model moves "
     "through an autocorrelation time; auto is 0.5, 0 ignores it."},
    {"tempering.least_rate", SMR_KEY_REAL, SMR_KEY_OR_AUTO | SMR_KEY_OPEN_MINIMUM,
     AT(rbm.tempered.least_rate), 0, 1, "", "auto", NULL,
     "tempered: the learning rate is cut by no more than this factor when equilibrium is lost; "
     "auto "
     "is 1/16, 1 never cuts it."},

    {"train.batch", SMR_KEY_INT, 0, AT(train.batch_rows), 1, 1 << 30, "rows", "512", NULL,
     "Rows of a minibatch, over all ranks."},
    {"train.shard", SMR_KEY_INT, SMR_KEY_OR_AUTO, AT(train.shard_rows), 1, 1 << 20, "rows", "auto",
     NULL,
     "Rows that one thread of one rank works on at once; results depend on it in the last bits. "
     "auto: a quarter of the batch, between 16 and 128."},
    {"train.epochs", SMR_KEY_REAL, 0, AT(train.epochs), 0, 1e9, "epochs", "10", NULL,
     "Length of the training, in passes over the training rows."},
    {"train.steps", SMR_KEY_INT, SMR_KEY_OR_AUTO, AT(train.steps), 0, 1e15, "steps", "auto", NULL,
     "Length of the training in minibatches, instead of train.epochs."},
    {"train.learning_rate", SMR_KEY_REAL, 0, AT(train.learning_rate), 0, INFINITY, "", "0.05", NULL,
     "Learning rate, for the mean over the minibatch."},
    {"train.schedule", SMR_KEY_CHOICE, 0, AT(train.rate_schedule), 0, 0, "", "constant", schedules,
     "How the rate falls: not at all; by rate_factor every rate_period epochs; by rate_factor "
     "every "
     "epoch; as half a cosine to rate_final; as 1/(1 + epoch/rate_period)."},
    {"train.rate_factor", SMR_KEY_REAL, SMR_KEY_OPEN_MINIMUM, AT(train.rate_factor), 0, 1, "",
     "0.5", NULL, "step, exponential: factor of the learning rate."},
    {"train.rate_period", SMR_KEY_REAL, SMR_KEY_OPEN_MINIMUM, AT(train.rate_period), 0, INFINITY,
     "epochs", "10", NULL, "step, inverse_time: epochs of the schedule."},
    {"train.rate_final", SMR_KEY_REAL, 0, AT(train.rate_final), 0, INFINITY, "", "0", NULL,
     "cosine: learning rate at the end."},
    {"train.warm_up", SMR_KEY_REAL, 0, AT(train.warm_up), 0, INFINITY, "epochs", "0", NULL,
     "Epochs over which the learning rate rises linearly from 0."},
    {"train.momentum", SMR_KEY_REAL, 0, AT(train.momentum), 0, 0.999, "", "0", NULL,
     "Share of the last update that is added to the next."},
    {"train.momentum_initial", SMR_KEY_REAL, 0, AT(train.momentum_initial), 0, 0.999, "", "0", NULL,
     "Momentum of the first train.momentum_epochs epochs."},
    {"train.momentum_epochs", SMR_KEY_REAL, 0, AT(train.momentum_epochs), 0, INFINITY, "epochs",
     "0", NULL, "Epochs of the initial momentum."},
    {"train.l1", SMR_KEY_REAL, 0, AT(train.l1), 0, INFINITY, "", "0", NULL,
     "Decay of weights by their sign (L1)."},
    {"train.l2", SMR_KEY_REAL, 0, AT(train.l2), 0, INFINITY, "", "0", NULL,
     "Decay of weights in proportion (L2)."},
    {"train.gradient_limit", SMR_KEY_REAL, 0, AT(train.gradient_limit), 0, INFINITY, "", "0", NULL,
     "Longer gradients are shortened to this norm; 0 is no limit."},

    [N_RENORMALIZE +
        N_MODEL] = {"monitor.period", SMR_KEY_INT, SMR_KEY_OR_AUTO, AT(monitor_period), 1, 1e15,
                    "steps", "auto", NULL,
                    "Steps between two monitoring points; auto is an epoch, at most 1000 steps."},
    {"monitor.rows", SMR_KEY_INT, 0, AT(monitor.rows), 1, 1e9, "rows", "2000", NULL,
     "Training rows, and as many held-out rows, that are measured."},
    {"monitor.singular_values", SMR_KEY_INT, 0, AT(monitor.n_singular_values), 0, 100000, "", "16",
     NULL, "Leading singular values of W that are recorded."},
    {"monitor.spectrum_every", SMR_KEY_INT, 0, AT(spectrum_every), 1, 1e9, "", "5", NULL,
     "Every how many monitoring points the singular values are taken (and at both ends)."},
    {"monitor.exact", SMR_KEY_BOOL, 0, AT(monitor.has_exact), 0, 0, "", "true", NULL,
     "Exact ln Z and likelihood where the smaller side has at most monitor.exact_units units."},
    {"monitor.exact_units", SMR_KEY_INT, 0, AT(monitor.exact_units), 0, 28, "units", "20", NULL,
     "Most units that are enumerated at every monitoring point."},
    {"monitor.samples", SMR_KEY_INT, 0, AT(n_samples), 0, 1e5, "", "100", NULL,
     "Fantasy particles kept in model.h5."},
    {"monitor.sample_sweeps", SMR_KEY_INT, 0, AT(sample_sweeps), 0, 1e5, "sweeps", "200", NULL,
     "Gibbs sweeps before they are taken."},
    {"checkpoint.period", SMR_KEY_DURATION, SMR_KEY_RUN, AT(checkpoint_period_s), 0, 1e9, "s",
     "600", NULL, "Time between two checkpoints of a unit."},
    {"checkpoint.mode", SMR_KEY_CHOICE, SMR_KEY_RUN, AT(checkpoint_mode), 0, 0, "", "auto", modes,
     "Gathered and written by one rank, or by all through MPI-IO; auto: by all from 4 GiB on."},
};

_Static_assert(sizeof keys / sizeof keys[0] == N_KEYS, "a key is missing in the numbers of rows");

const smr_key_table smr_renormalize_keys = {keys, N_RENORMALIZE + N_MODEL, sizeof(smr_rbm_job)};
const smr_key_table smr_rbm_keys = {keys + N_RENORMALIZE, N_MODEL + N_MONITOR, sizeof(smr_rbm_job)};

#define NAME(name, unit, meaning) #name,
static const char *const output_names[] = {SMR_RBM_METRICS(NAME) SMR_RBM_LADDER_METRICS(NAME) NULL};
#undef NAME

static const char *const unit_files[] = {"metrics.h5", "model.h5", NULL};

const smr_experiment smr_experiment_rbm = {
    .name = "rbm",
    .title = "Restricted Boltzmann machine",
    .summary = "Trains restricted Boltzmann machines by data-parallel minibatches.",
    .table = &smr_rbm_keys,
    .output_names = output_names,
    .is_rank_free = true,
    .has_checkpoints = true,
    .unit_files = unit_files,
    .survey_bytes = sizeof(smr_rbm_survey),
    .describe = smr_rbm_describe,
    .check = smr_rbm_check,
    .foresee_model = smr_rbm_foresee_model,
    .plan = smr_rbm_plan,
    .open = smr_rbm_open,
    .close = smr_rbm_close,
    .list_inputs = smr_rbm_list_inputs,
    .run_unit = smr_rbm_run,
    .summarize = smr_rbm_summarize,
};
