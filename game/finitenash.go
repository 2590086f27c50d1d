package game

import (
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// Values returns the expected payoffs v_m(a) = E u_m(a, x_-m) of all actions at the
// mixed profile x, laid out as x: the probabilities of the actions of the first
// player, then of the second, and so on.
//
// Errors: ErrShape for a wrong length; ErrArgument if a strategy has a negative
// probability or does not sum to 1 (to 1e-12); ErrNotFinite.
func (f *Finite) Values(x []float64) ([]float64, error) {
	if err := checkProfile(x, f.shape); err != nil {
		return nil, err
	}
	v := make([]float64, len(x))
	newExpected[float64](f).values(v, x)
	return v, nil
}

// Regrets returns what each player could gain at the mixed profile x (laid out as in
// Values) by the best reply to the others, max_a v_m(a) - x_m·v_m. Errors as Values.
func (f *Finite) Regrets(x []float64) ([]float64, error) {
	v, err := f.Values(x)
	if err != nil {
		return nil, err
	}
	r := make([]float64, len(f.shape))
	for m, h := range f.shape {
		best := math.Inf(-1)
		for _, w := range v[:h] {
			best = max(best, w)
		}
		r[m] = best - kernel.Dot(x[:h], v[:h])
		x, v = x[h:], v[h:]
	}
	return r, nil
}

// NashConv returns the sum of the regrets at the mixed profile x: 0 at a Nash
// equilibrium and positive elsewhere, up to rounding. Errors as Values.
func (f *Finite) NashConv(x []float64) (float64, error) {
	r, err := f.Regrets(x)
	if err != nil {
		return math.NaN(), err
	}
	return kernel.Sum(r), nil
}

// PureEquilibria returns the places in the payoff tensors (see Actions) of all pure
// Nash equilibria: profiles at which no player gains by another action. One pass over
// the payoffs for each player.
func (f *Finite) PureEquilibria() []int {
	stays := make([]bool, f.profiles) // nobody so far wants to leave
	for i := range stays {
		stays[i] = true
	}
	inner := f.profiles
	for m, h := range f.shape {
		u := f.payoffs[m]
		inner /= h
		for at := 0; at < f.profiles; at += h * inner {
			for j := at; j < at+inner; j++ {
				best := u[j]
				for k := j + inner; k < j+h*inner; k += inner {
					best = max(best, u[k])
				}
				for k := j; k < j+h*inner; k += inner {
					stays[k] = stays[k] && u[k] == best
				}
			}
		}
	}
	var found []int
	for i, s := range stays {
		if s {
			found = append(found, i)
		}
	}
	return found
}
