package deq

import (
	"context"
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// correct returns the weighted losses of the intermediate states and adds their
// gradients to grad, unless that is nil.
func (w *Network[T]) correct(grad []T, p *parts[T]) (float64, error) {
	steps, gamma := w.cfg.Correction, orDefault(w.cfg.CorrectionDecay, 0.8)
	start := SolveOptions[T]{Solver: Picard{}, MaxEval: 1}
	if _, err := w.layer.Solve(context.Background(), &w.between, w.bx, &start); err != nil {
		return 0, err
	}
	clear(w.between.Z.Data) // MaxEval 1 leaves the start, which is zero
	total := 0.0
	for k := 1; k <= steps; k++ {
		if err := w.layer.Unroll(&w.between, 1, 1); err != nil {
			return 0, err
		}
		weight := math.Pow(gamma, float64(steps+1-k))
		total += weight * w.outputs(w.between.Z, p, grad != nil)
		if grad == nil {
			continue
		}
		g := w.split(grad)
		kernel.Gemm(w.dz, 1, w.seed, p.c, 0)
		if err := w.layer.BackwardUnrolled(&w.last, &w.between, w.dz); err != nil {
			return 0, err
		}
		kernel.Axpy(T(weight), w.last.W.Data, g.w.Data)
		kernel.Axpy(T(weight), w.last.U.Data, g.u.Data)
		kernel.Axpy(T(weight), w.last.B, g.b)
		kernel.GemmTN(g.c, T(weight), w.seed, w.between.Z, 1)
		kernel.GemvT(g.bias, T(weight), w.seed, w.ones, 1)
	}
	return total, nil
}
