package descent

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
)

// BarzilaiBorwein is the learning rate of Barzilai and Borwein (IMA J. Numer.
// Anal. 8 (1988) 141): from the last step s and change of the gradient y,
//
//	BB1 (long step)   η = s·s/s·y
//	BB2 (short step)  η = s·y/y·y
//
// clamped to [Min, Max]; where the curvature along the step is not positive,
// s·y <= 0, the last η stays. A proposal that is not finite is retried with η/2.
// With mini-batches s and y are of one batch.
//
// The energies are not monotone. With Memory the step is accepted only if
//
//	E(x_next) <= max of the last Memory energies + C η ∇E·(x_next - x)/η
//
// and otherwise retried with η/2, the safeguard of Raydan (SIAM J. Optim. 7 (1997)
// 26) with the nonmonotone rule of Grippo, Lampariello and Lucidi (SIAM J. Numer.
// Anal. 23 (1986) 707), under which the method converges globally. When η falls
// below 1e-20 the run ends as under Armijo.
type BarzilaiBorwein struct {
	// Short takes BB2 in place of BB1.
	Short bool
	// Start is the first learning rate. If it is zero, it is 1e-3.
	Start float64
	// Min and Max are the limits of the learning rate. If they are zero, they
	// are 1e-10 and 1e10.
	Min, Max float64
	// Memory is the number of energies of the nonmonotone line search, at most
	// 10. If it is zero, there is no line search; 1 makes it monotone.
	Memory int
	// C is the fraction of the linear decrease that the line search asks for, 0 <
	// C < 1. If it is zero, it is 1e-4.
	C float64
}

// Control.Mem of a BarzilaiBorwein: the last energies by step number, then the
// step size with which the search began.
const (
	bbEnergies = 10
	bbFirst    = 10
)

// Want implements flow.Controller.
func (b BarzilaiBorwein) Want() flow.Want {
	return flow.Want{Secant: true, Energy: b.Memory > 0, Slope: b.Memory > 0}
}

// First implements flow.Controller.
func (b BarzilaiBorwein) First(c *flow.Control, tr *flow.Trial) float64 {
	b = b.defaults()
	for i := range bbEnergies {
		c.Mem[i] = math.Inf(-1)
	}
	c.Mem[0], c.Mem[bbFirst] = tr.E0, b.Start
	return b.Start
}

// Judge implements flow.Controller.
func (b BarzilaiBorwein) Judge(c *flow.Control, tr *flow.Trial) flow.Verdict {
	b = b.defaults()
	if !tr.Finite || b.Memory > 0 && !b.falls(c, tr) {
		h := tr.H / 2
		if h < armijoMin {
			h = 0
		}
		return flow.Verdict{H: h}
	}
	c.Hp, c.Rejected = tr.H, false
	if b.Memory > 0 {
		c.Mem[(c.N+1)%b.Memory] = tr.E1
	}
	h := tr.H
	if tr.SY > 0 {
		if h = tr.SS / tr.SY; b.Short {
			h = tr.SY / tr.YY
		}
		h = min(max(h, b.Min), b.Max)
	}
	c.Mem[bbFirst] = h
	return flow.Verdict{Accept: true, H: h}
}

// falls is the nonmonotone rule.
func (b *BarzilaiBorwein) falls(c *flow.Control, tr *flow.Trial) bool {
	top := math.Inf(-1)
	for _, e := range c.Mem[:b.Memory] {
		top = max(top, e)
	}
	return tr.E1 <= top+b.C*tr.H*tr.Slope0
}

// GaveUp implements flow.Quitter.
func (b BarzilaiBorwein) GaveUp(c *flow.Control, tr *flow.Trial) (flow.Status, error) {
	if b.Memory == 0 {
		return flow.Diverged, nil
	}
	return searchFailed(c.Mem[bbFirst], tr)
}

// Check implements flow.Checker.
func (b BarzilaiBorwein) Check() error {
	d := b.defaults()
	if !(d.Min > 0) || !(d.Max >= d.Min) || math.IsInf(d.Max, 1) || !(d.Start >= d.Min && d.Start <= d.Max) {
		return fmt.Errorf("descent: Min, Start and Max of BarzilaiBorwein are %v, %v and %v, want finite numbers > 0 in this order: %w", d.Min, d.Start, d.Max, flow.ErrArgument)
	}
	if d.Memory < 0 || d.Memory > bbEnergies {
		return fmt.Errorf("descent: Memory of BarzilaiBorwein is %d, want 0 to %d: %w", d.Memory, bbEnergies, flow.ErrArgument)
	}
	if !(d.C > 0 && d.C < 1) {
		return fmt.Errorf("descent: C of BarzilaiBorwein is %v, want a number in (0, 1): %w", d.C, flow.ErrArgument)
	}
	return nil
}

func (b BarzilaiBorwein) defaults() BarzilaiBorwein {
	b.Start, b.Min, b.Max, b.C = or(b.Start, 1e-3), or(b.Min, 1e-10), or(b.Max, 1e10), or(b.C, 1e-4)
	return b
}

var (
	_ flow.Controller = BarzilaiBorwein{}
	_ flow.Checker    = BarzilaiBorwein{}
	_ flow.Quitter    = BarzilaiBorwein{}
)
