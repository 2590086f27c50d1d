// Times OpenBLAS on request, so that another program can alternate with it.
// Each line of standard input is "kernel n calls", e.g. "dgemmNN 64 1000"; the
// answer is the nanoseconds that one call took.
// Matrices are row-major n x n, vectors have n elements.
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return 1e9 * t.tv_sec + t.tv_nsec;
}

static volatile double sink;

// The operands, and the memory that holds them.
static void *memory[6];

// place returns size bytes somewhere in a page, aligned to 64 bytes.
static void *place(int i, size_t size) {
  free(memory[i]);
  memory[i] = aligned_alloc(4096, (size + 2 * 4096) / 4096 * 4096);
  return (char *)memory[i] + 64 * (rand() % 64);
}

// LOOP answers with the mean time of a call. Before, it runs for a while: a CPU
// that comes from easier work needs some milliseconds until it multiplies at
// full speed.
#define LOOP(call)                                  \
  do {                                              \
    double t = now();                               \
    do {                                            \
      for (long r = 0; r < calls / 4 + 1; r++) { call; } \
    } while (now() - t < 5e6);                      \
    t = now();                                      \
    for (long r = 0; r < calls; r++) { call; }      \
    return (now() - t) / calls;                     \
  } while (0)

#define TIMER(T, p)                                                                                                    \
  static double time_##p(const char *k, int n, long calls) {                                                           \
    static T *a, *b, *c, *x, *y, *z;                                                                                   \
    static int have;                                                                                                   \
    int vec = !strcmp(k, "dot") || !strcmp(k, "axpy") || !strcmp(k, "nrm2");                                           \
    if (n <= 256 || (vec ? -n : n) != have) {                                                                          \
      size_t v = sizeof(T) * n, m = vec ? 64 : v * n;                                                                  \
      a = place(0, m), b = place(1, m), c = place(2, m), x = place(3, v), y = place(4, v), z = place(5, v);            \
      for (size_t i = 0; i < m / sizeof(T); i++) a[i] = 1.0 / (1 + i % 97), b[i] = 0.5 / (1 + i % 31), c[i] = 0;       \
      for (int i = 0; i < n; i++) x[i] = 1.0 / (1 + i % 13), y[i] = z[i] = 0;                                          \
      have = vec ? -n : n;                                                                                             \
    }                                                                                                                  \
    if (!strcmp(k, "dot")) LOOP(sink = cblas_##p##dot(n, x, 1, y, 1));                                                 \
    if (!strcmp(k, "nrm2")) LOOP(sink = cblas_##p##nrm2(n, x, 1));                                                     \
    if (!strcmp(k, "axpy")) LOOP(cblas_##p##axpy(n, 1e-9, x, 1, y, 1));                                                \
    if (!strcmp(k, "gemvN")) LOOP(cblas_##p##gemv(CblasRowMajor, CblasNoTrans, n, n, 1, a, n, x, 1, 0, y, 1));         \
    if (!strcmp(k, "gemvT")) LOOP(cblas_##p##gemv(CblasRowMajor, CblasTrans, n, n, 1, a, n, x, 1, 0, y, 1));           \
    if (!strcmp(k, "pair"))                                                                                            \
      LOOP((memcpy(y, z, sizeof(T) * n), cblas_##p##gemv(CblasRowMajor, CblasNoTrans, n, n, 1, a, n, x, 1, -1, y, 1),  \
            cblas_##p##gemv(CblasRowMajor, CblasTrans, n, n, 1, a, n, y, 1, 0, c, 1), sink = cblas_##p##dot(n, y, 1, y, 1))); \
    if (!strcmp(k, "ger")) LOOP(cblas_##p##ger(CblasRowMajor, n, n, 1e-9, x, 1, y, 1, a, n));                          \
    if (!strcmp(k, "syrk")) LOOP(cblas_##p##syrk(CblasRowMajor, CblasLower, CblasNoTrans, n, n, 1, a, n, 0, c, n));    \
    if (!strncmp(k, "gemm", 4))                                                                                        \
      LOOP(cblas_##p##gemm(CblasRowMajor, k[4] == 'T' ? CblasTrans : CblasNoTrans, k[5] == 'T' ? CblasTrans : CblasNoTrans, \
                           n, n, n, 1, a, n, b, n, 0, c, n));                                                          \
    return -1;                                                                                                         \
  }

TIMER(double, d)
TIMER(float, s)

extern char *openblas_get_corename(void);
extern char *openblas_get_config(void);

int main(void) {
  char k[32], last = 0;
  int n;
  long calls;
  printf("%s, kernels for %s\n", openblas_get_config(), openblas_get_corename());
  fflush(stdout);
  while (scanf("%31s %d %ld", k, &n, &calls) == 3) {
    if (last && last != k[0]) { // the other precision's operands are gone
      if (k[0] == 'd') time_d("", 1, 0); else time_s("", 1, 0);
    }
    last = k[0];
    double t = k[0] == 'd' ? time_d(k + 1, n, calls) : time_s(k + 1, n, calls);
    printf("%.3f\n", t);
    fflush(stdout);
  }
  return 0;
}
