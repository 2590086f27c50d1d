package deq

import (
	"fmt"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// invariants are what the gradient flow of the network conserves if σ is positively
// homogeneous (the identity and the rectifiers), for every unit i
//
//	Σ_j W_ij² + Σ_k U_ik² + b_i² - Σ_j W_ji² - Σ_l C_li²    [D],
//
// whatever the loss and the data: scaling what enters a unit by s and what leaves it
// by 1/s changes no output. (A smaller class than that of explicit networks: W both
// enters and leaves.) Approximate rules, penalties, clipping and corrections break it.
func (w *Network[T]) invariants() []flow.Invariant[T] {
	c := &w.cfg
	homogeneous := c.Act.form == formIdentity || c.Act.form == formReLU || c.Act.form == formLeaky
	if !homogeneous || w.mono != nil || c.Backward.Rule != Exact || c.Penalty > 0 || c.Clip > 0 || c.Correction > 0 || c.Normalize != Plain {
		return nil
	}
	all := make([]flow.Invariant[T], w.n)
	for i := range all {
		all[i] = flow.Invariant[T]{Name: fmt.Sprintf("balance of unit %d", i), Value: func(theta []T) float64 {
			p := w.split(theta)
			b := float64(p.b[i])
			sum := kernel.SumSq(p.w.Row(i)) + kernel.SumSq(p.u.Row(i)) + b*b
			for j := range w.n {
				v := float64(p.w.At(j, i))
				sum -= v * v
			}
			for l := range w.p {
				v := float64(p.c.At(l, i))
				sum -= v * v
			}
			return sum
		}}
	}
	return all
}
