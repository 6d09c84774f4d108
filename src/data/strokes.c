/* Ten digits drawn as strokes. A shape is a list of strokes, a stroke a list of points that a
 * smooth curve (Catmull & Rom 1974) goes through; x runs to the right and y downwards, in a box of
 * 100 x 100. A hand moves the points by a smooth random field, so that strokes stay joined where
 * they are, then slants, turns and scales them, and draws with a round pen. */
#include "strokes.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "simmer/base/random.h"

enum { MAX_POINTS = 12, MAX_STROKES = 3, STEPS = 6, MAX_SEGMENTS = 256, SHAPES = 4 };

typedef struct {
  int n;
  int8_t points[MAX_POINTS][2];
} stroke;

typedef struct {
  int n;
  stroke strokes[MAX_STROKES];
} shape;

typedef struct {
  int n;
  shape shapes[SHAPES];
} character;

/* clang-format off */
static const character characters[10] = {
  /* closed; closed and narrow; a loop that ends inside; open at the top */
  {4, {{1, {{10, {{50,0},{26,8},{12,32},{12,66},{28,93},{52,100},{76,90},{88,62},{86,28},{50,0}}}}},
       {1, {{9, {{56,0},{36,10},{28,40},{26,72},{42,100},{62,90},{72,56},{72,18},{56,0}}}}},
       {1, {{10, {{64,6},{40,4},{18,26},{10,60},{26,92},{54,98},{80,76},{88,40},{72,10},{46,12}}}}},
       {1, {{9, {{40,4},{20,26},{12,60},{26,92},{54,99},{80,82},{90,46},{76,14},{52,8}}}}}}},
  /* a bar; with a flag; with flag and foot; slanted bar */
  {4, {{1, {{3, {{50,0},{50,50},{50,100}}}}},
       {2, {{3, {{28,24},{42,14},{54,0}}}, {3, {{54,0},{53,50},{52,100}}}}},
       {3, {{3, {{30,22},{42,14},{52,0}}}, {2, {{52,0},{52,100}}}, {3, {{26,100},{52,99},{78,100}}}}},
       {1, {{3, {{62,0},{52,48},{38,100}}}}}}},
  /* swan with a straight foot; with a loop; round; zigzag */
  {4, {{2, {{8, {{16,22},{28,5},{52,0},{76,10},{78,34},{60,60},{36,82},{14,100}}}, {3, {{14,100},{50,98},{88,98}}}}},
       {1, {{12, {{18,20},{38,2},{66,4},{76,26},{62,54},{40,80},{20,94},{12,82},{26,74},{46,86},{66,96},{90,90}}}}},
       {1, {{10, {{14,28},{24,8},{50,0},{74,10},{76,32},{58,58},{34,80},{20,96},{50,94},{88,97}}}}},
       {2, {{6, {{18,12},{44,2},{72,12},{68,40},{42,72},{14,98}}}, {2, {{14,98},{86,94}}}}}}},
  /* two bows; flat top; two bows with a small loop; long lower bow */
  {4, {{2, {{6, {{18,12},{44,0},{72,10},{74,32},{56,46},{36,48}}}, {7, {{36,48},{64,50},{84,68},{76,92},{48,100},{24,94},{12,82}}}}},
       {3, {{2, {{16,2},{80,2}}}, {3, {{80,2},{60,24},{42,42}}}, {7, {{42,42},{68,46},{84,66},{76,90},{48,100},{24,95},{12,84}}}}},
       {1, {{12, {{20,10},{46,0},{70,12},{66,34},{46,46},{38,50},{48,50},{74,58},{82,78},{64,97},{36,98},{14,88}}}}},
       {2, {{5, {{24,8},{50,0},{68,12},{60,32},{40,42}}}, {7, {{40,42},{70,46},{88,66},{80,90},{52,100},{26,98},{10,88}}}}}}},
  /* open; closed; open with a bent arm; open, in one go */
  {4, {{2, {{5, {{24,4},{18,34},{18,54},{50,56},{90,52}}}, {3, {{74,10},{70,56},{64,100}}}}},
       {3, {{3, {{66,0},{38,30},{10,64}}}, {3, {{10,64},{48,66},{94,64}}}, {3, {{66,0},{66,50},{66,100}}}}},
       {3, {{3, {{30,0},{20,26},{10,52}}}, {3, {{10,52},{44,54},{88,50}}}, {3, {{62,28},{60,62},{58,100}}}}},
       {2, {{6, {{20,2},{12,32},{22,52},{52,54},{76,40},{84,8}}}, {3, {{84,8},{76,54},{66,100}}}}}}},
  /* three strokes; in one go; square; with a long roof */
  {4, {{3, {{3, {{28,4},{54,4},{84,1}}}, {3, {{28,4},{24,24},{22,44}}}, {8, {{22,44},{46,36},{72,44},{82,66},{70,90},{46,100},{26,96},{12,86}}}}},
       {1, {{10, {{80,2},{52,2},{30,8},{26,26},{36,40},{64,50},{78,68},{66,92},{40,100},{14,92}}}}},
       {3, {{2, {{22,2},{82,2}}}, {2, {{22,2},{20,48}}}, {7, {{20,48},{50,42},{78,54},{82,78},{64,96},{38,100},{14,92}}}}},
       {3, {{3, {{38,6},{64,6},{96,0}}}, {3, {{38,6},{32,24},{26,42}}}, {7, {{26,42},{52,42},{70,58},{68,82},{48,97},{28,100},{8,92}}}}}}},
  /* bow and loop; straight back; flat loop; with a curled head */
  {4, {{1, {{12, {{68,0},{44,12},{24,38},{16,66},{26,92},{50,100},{74,90},{80,70},{66,54},{44,54},{26,66},{20,78}}}}},
       {1, {{11, {{60,0},{40,26},{22,56},{20,82},{38,99},{64,96},{78,78},{70,60},{48,56},{30,66},{22,82}}}}},
       {1, {{11, {{42,0},{26,26},{16,56},{16,84},{38,99},{68,97},{86,82},{76,66},{50,64},{28,74},{18,86}}}}},
       {1, {{12, {{82,8},{62,0},{38,12},{22,40},{16,70},{30,95},{56,99},{78,84},{78,64},{58,52},{36,60},{22,76}}}}}}},
  /* plain; with a serif; with a bar; curved */
  {4, {{2, {{3, {{12,6},{50,4},{88,4}}}, {4, {{88,4},{68,36},{52,68},{42,100}}}}},
       {3, {{2, {{12,22},{16,4}}}, {3, {{16,4},{50,5},{86,3}}}, {4, {{86,3},{70,34},{56,66},{50,100}}}}},
       {3, {{3, {{10,6},{46,5},{86,3}}}, {4, {{86,3},{66,36},{50,68},{40,100}}}, {3, {{34,52},{58,50},{82,48}}}}},
       {1, {{8, {{10,14},{30,6},{58,8},{84,6},{80,28},{64,56},{54,78},{48,100}}}}}}},
  /* in one go; two rings; with an open head; slim */
  {4, {{1, {{12, {{72,10},{46,0},{24,16},{36,40},{64,58},{78,80},{54,100},{24,88},{28,66},{56,44},{76,24},{66,7}}}}},
       {2, {{9, {{50,0},{30,8},{26,26},{36,42},{52,46},{68,40},{76,24},{68,7},{50,0}}}, {9, {{52,46},{28,56},{18,76},{30,95},{52,100},{74,94},{84,76},{74,56},{52,46}}}}},
       {1, {{12, {{84,8},{56,0},{28,10},{28,32},{54,48},{76,66},{74,92},{46,100},{22,88},{30,64},{58,42},{82,14}}}}},
       {1, {{12, {{64,6},{48,0},{32,14},{40,38},{58,56},{68,80},{52,100},{32,90},{34,66},{52,46},{66,24},{60,6}}}}}}},
  /* loop with a straight stem; with a curved one; with a hook; in one go */
  {4, {{2, {{9, {{76,12},{54,0},{28,10},{18,32},{32,50},{56,46},{74,28},{78,10},{76,12}}}, {3, {{77,11},{74,56},{68,100}}}}},
       {1, {{12, {{78,18},{58,2},{32,8},{20,30},{34,48},{58,44},{76,22},{78,30},{74,54},{62,78},{48,92},{36,100}}}}},
       {2, {{9, {{76,16},{56,0},{32,6},{20,28},{32,48},{56,48},{74,32},{79,14},{76,16}}}, {5, {{78,15},{80,52},{74,86},{52,100},{22,92}}}}},
       {1, {{10, {{72,10},{46,2},{22,18},{24,44},{50,50},{74,34},{80,8},{78,44},{72,74},{70,100}}}}}}},
};
/* clang-format on */

/* ---- A hand. ---- */

enum { FIELD_TERMS = 9, HAND_NUMBERS = 2 * FIELD_TERMS + 8 };

typedef struct {
  const shape *shape;
  double field[2][FIELD_TERMS]; /* of the displacement, in box units */
  double slant, turn, width, height, thickness, softness, right, down;
} hand;

/* A normal number that stays in what is readable. */
static double clip(double x, double limit) {
  return fmin(fmax(x, -limit), limit);
}

static hand make_hand(int digit, int64_t number) {
  const smr_random_key key = {.seed = 0,
                              .stream = smr_random_stream("images.hand", (uint64_t)digit, 0)};
  const character *c = &characters[digit];
  double z[HAND_NUMBERS];
  hand h = {0};
  smr_random_normal(key, (uint64_t)number, 0, HAND_NUMBERS, z);
  h.shape = &c->shapes[smr_random_below(key, (uint64_t)number, 1, (uint64_t)c->n)];
  for (int t = 0; t < FIELD_TERMS; t++) {
    h.field[0][t] = 0.035 * clip(z[2 * t], 2.0);
    h.field[1][t] = 0.035 * clip(z[2 * t + 1], 2.0);
  }
  const double *rest = z + (ptrdiff_t)2 * FIELD_TERMS;
  h.slant = 0.10 + 0.16 * clip(rest[0], 2.2);
  h.turn = 0.08 * clip(rest[1], 2.0);
  h.width = 14.0 + 1.9 * clip(rest[2], 2.0);
  h.height = 19.0 + 0.9 * clip(rest[3], 1.2);
  h.thickness = 2.4 + 0.6 * clip(rest[4], 2.0);
  h.softness = 1.0 + 0.15 * clip(rest[5], 2.0);
  h.right = 0.4 * clip(rest[6], 2.0);
  h.down = 0.4 * clip(rest[7], 2.0);
  return h;
}

/* A point of the box [-1/2,1/2]^2 moved by the hand's field (products of 1, 2x and 4x^2 - 1 with
 * the same of y), then slanted, turned and scaled to pixels. */
static void place(const hand *h, const double in[2], double out[2]) {
  const double x[3] = {1.0, 2.0 * in[0], 4.0 * in[0] * in[0] - 1.0};
  const double y[3] = {1.0, 2.0 * in[1], 4.0 * in[1] * in[1] - 1.0};
  double moved[2] = {in[0], in[1]};
  for (int t = 0; t < FIELD_TERMS; t++) {
    const double term = x[t / 3] * y[t % 3];
    moved[0] += h->field[0][t] * term;
    moved[1] += h->field[1][t] * term;
  }
  const double wide = h->width * (moved[0] - h->slant * moved[1] * h->height / h->width);
  const double high = h->height * moved[1];
  const double norm = 1.0 / sqrt(1.0 + h->turn * h->turn);
  out[0] = norm * (wide - h->turn * high);
  out[1] = norm * (high + h->turn * wide);
}

/* ---- Curves. ---- */

typedef struct {
  int n;
  double ends[MAX_SEGMENTS][4]; /* x, y of both ends, in pixels from the middle */
} segments;

static void get_point(const stroke *s, int i, double out[2]) {
  const int last = s->n - 1;
  for (int k = 0; k < 2; k++) {
    if (i < 0) { /* mirrored beyond the ends */
      out[k] = 2.0 * s->points[0][k] - s->points[1][k];
    } else if (i > last) {
      out[k] = 2.0 * s->points[last][k] - s->points[last - 1][k];
    } else {
      out[k] = s->points[i][k];
    }
    out[k] = out[k] / 100.0 - 0.5;
  }
}

/* The curve between points i and i + 1 at t in [0,1]. */
static void get_curve(const stroke *s, int i, double t, double out[2]) {
  double p[4][2];
  for (int k = 0; k < 4; k++) {
    get_point(s, i + k - 1, p[k]);
  }
  for (int k = 0; k < 2; k++) {
    const double a = 2.0 * p[1][k], b = p[2][k] - p[0][k];
    const double c = 2.0 * p[0][k] - 5.0 * p[1][k] + 4.0 * p[2][k] - p[3][k];
    const double d = 3.0 * (p[1][k] - p[2][k]) + p[3][k] - p[0][k];
    out[k] = 0.5 * (a + t * (b + t * (c + t * d)));
  }
}

static void add_stroke(const hand *h, const stroke *s, segments *out) {
  double before[2], here[2], point[2];
  get_curve(s, 0, 0.0, point);
  place(h, point, before);
  for (int i = 0; i < s->n - 1; i++) {
    for (int step = 1; step <= STEPS && out->n < MAX_SEGMENTS; step++) {
      get_curve(s, i, (double)step / STEPS, point);
      place(h, point, here);
      double *ends = out->ends[out->n++];
      ends[0] = before[0];
      ends[1] = before[1];
      ends[2] = before[0] = here[0];
      ends[3] = before[1] = here[1];
    }
  }
}

/* ---- Ink. ---- */

static double get_distance2(const double ends[4], double x, double y) {
  const double dx = ends[2] - ends[0], dy = ends[3] - ends[1];
  const double length2 = dx * dx + dy * dy;
  double t = length2 > 0.0 ? ((x - ends[0]) * dx + (y - ends[1]) * dy) / length2 : 0.0;
  t = fmin(fmax(t, 0.0), 1.0);
  const double rx = x - ends[0] - t * dx, ry = y - ends[1] - t * dy;
  return rx * rx + ry * ry;
}

/* Ink 0..1 at a distance from the middle of the pen: 1 within it, 0 outside, a smooth step between.
 */
static double get_ink(const hand *h, double distance) {
  const double t = clip((0.5 * h->thickness - distance) / h->softness, 0.5) + 0.5;
  return t * t * (3.0 - 2.0 * t);
}

/* Squared distances of all pixels to the strokes, as far as there is ink; far away they stay. */
static void add_distances(const double ends[4], double reach, double nearest[SMR_DEFORM_PIXELS]) {
  const double middle = 0.5 * (SMR_DEFORM_SIDE - 1), last = SMR_DEFORM_SIDE - 1;
  int from[2], to[2];
  for (int k = 0; k < 2; k++) {
    from[k] = (int)fmin(fmax(fmin(ends[k], ends[k + 2]) - reach + middle, 0.0), last);
    to[k] = (int)fmin(fmax(fmax(ends[k], ends[k + 2]) + reach + middle + 1.0, 0.0), last);
  }
  for (int y = from[1]; y <= to[1]; y++) {
    for (int x = from[0]; x <= to[0]; x++) {
      double *here = &nearest[y * SMR_DEFORM_SIDE + x];
      *here = fmin(*here, get_distance2(ends, x - middle, y - middle));
    }
  }
}

/* Moves the middle of the ink's box (x) and its centre of mass (y too) to where the hand wants it.
 */
static void centre(const hand *h, segments *s) {
  double sum[2] = {0.0}, length = 0.0;
  for (int i = 0; i < s->n; i++) {
    const double *e = s->ends[i];
    const double l = sqrt((e[2] - e[0]) * (e[2] - e[0]) + (e[3] - e[1]) * (e[3] - e[1]));
    sum[0] += 0.5 * l * (e[0] + e[2]);
    sum[1] += 0.5 * l * (e[1] + e[3]);
    length += l;
  }
  for (int i = 0; i < s->n; i++) {
    for (int k = 0; k < 4; k++) {
      s->ends[i][k] += (k % 2 == 0 ? h->right : h->down) - sum[k % 2] / length;
    }
  }
}

void smr_strokes_draw(int digit, int64_t number, uint8_t out[SMR_DEFORM_PIXELS]) {
  const hand h = make_hand(digit, number);
  double nearest[SMR_DEFORM_PIXELS];
  segments s = {0};
  for (int i = 0; i < h.shape->n; i++) {
    add_stroke(&h, &h.shape->strokes[i], &s);
  }
  centre(&h, &s);
  for (int p = 0; p < SMR_DEFORM_PIXELS; p++) {
    nearest[p] = 1e9;
  }
  for (int i = 0; i < s.n; i++) {
    add_distances(s.ends[i], 0.5 * (h.thickness + h.softness), nearest);
  }
  for (int p = 0; p < SMR_DEFORM_PIXELS; p++) {
    out[p] = (uint8_t)(255.0 * get_ink(&h, sqrt(nearest[p])) + 0.5);
  }
}
