package catapult

import (
	"math/rand/v2"

	"github.com/gradflow/gradflow/internal/philox"
	"gonum.org/v1/gonum/stat/distuv"
)

// sampler draws the random starts of one member of an ensemble.
type sampler struct {
	*rand.Rand
	src rand.Source
}

func newSampler(seed uint64, member int) sampler {
	src := philox.NewSource(seed, member)
	return sampler{rand.New(src), src}
}

// chi2 returns a number from the χ² distribution with k >= 0 degrees of freedom,
// the squared length of a standard normal vector in R^k.
func (s sampler) chi2(k float64) float64 {
	if k <= 0 {
		return 0
	}
	return distuv.ChiSquared{K: k, Src: s.src}.Rand()
}
