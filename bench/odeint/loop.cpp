// The loop of Boost.odeint's controlled dopri5 on the fields of BenchmarkLoop in
// package flow: x_i' = x_{i-1} - x_{i+1} on a ring, the oscillator for n = 2, at
// relative tolerance 1e-6 and absolute tolerance 1e-9.
//
//   g++ -O3 -march=native -std=c++17 loop.cpp -o loop && ./loop
//
// Prints, for each n, nanoseconds a step (accepted or not) and an evaluation, best of many.
#include <boost/numeric/odeint.hpp>
#include <chrono>
#include <cstdio>
#include <vector>

using state = std::vector<double>;
using namespace boost::numeric::odeint;

int main() {
  for (int n : {2, 4, 8, 64, 100, 1000, 10000}) {
    long evals = 0;
    auto field = [&](const state &x, state &d, double) {
      evals++;
      if (n == 2) {
        d[0] = x[1];
        d[1] = -x[0];
        return;
      }
      d[0] = x[n - 1] - x[1];
      for (int i = 1; i < n - 1; i++) d[i] = x[i - 1] - x[i + 1];
      d[n - 1] = x[n - 2] - x[0];
    };
    state x(n);
    for (int i = 0; i < n; i++) x[i] = (i % 7) / 7.0;
    auto stepper = make_controlled(1e-9, 1e-6, runge_kutta_dopri5<state>());
    double t = 0, h = 0.01, best = 1e300, best_eval = 1e300;
    const int batch = n < 500 ? 20000 : n < 5000 ? 2000 : 200;
    for (int rep = 0; rep < 40; rep++) {
      long before = evals;
      auto start = std::chrono::steady_clock::now();
      for (int i = 0; i < batch; i++) stepper.try_step(field, x, t, h);
      double ns = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count();
      if (ns / batch < best) best = ns / batch;
      if (ns / (evals - before) < best_eval) best_eval = ns / (evals - before);
    }
    std::printf("odeint dopri5 n=%d: %.1f ns/step, %.1f ns/eval\n", n, best, best_eval);
  }
}
