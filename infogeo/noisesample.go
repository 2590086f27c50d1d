package infogeo

import (
	"context"
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/philox"
)

// Batches draws mini-batches of B independent samples from a distribution, as
// histograms. A batch is a function of the seed, the stream and its number alone, so
// that runs can be resumed and repeated. It draws K-1 binomial numbers, whatever B is.
type Batches[T flow.Float] struct {
	q    []float64
	tail []float64 // Σ_{j>=i} q_j
	size int
	src  philox.Source
	seed uint64
	id   uint32
}

// NewBatches makes mini-batches of size samples from q. The error wraps ErrInvalid.
func NewBatches[T flow.Float](q []T, size int, seed uint64, stream uint32) (*Batches[T], error) {
	if err := checkDistribution("q", q); err != nil {
		return nil, err
	}
	if size < 1 {
		return nil, fmt.Errorf("infogeo: size = %d, want at least 1: %w", size, ErrInvalid)
	}
	b := &Batches[T]{q: float64s(q), tail: make([]float64, len(q)), size: size, seed: seed, id: stream}
	var s float64
	for i := len(q) - 1; i >= 0; i-- {
		s += b.q[i]
		b.tail[i] = s
	}
	return b, nil
}

// Draw stores batch number k in h, as a distribution: the numbers of samples in each
// state over B. It does not allocate.
func (b *Batches[T]) Draw(h []T, k uint64) {
	checkLens(len(b.q), len(h))
	// Each batch has a stream of its own: the seed is mixed with its number.
	b.src = philox.Source{Stream: philox.Stream{Seed: b.seed + (k+1)*0x9e3779b97f4a7c15, ID: b.id}}
	left := b.size
	for i, q := range b.q {
		m := left
		if i < len(b.q)-1 {
			m = 0
			if left > 0 && q > 0 {
				m = binomial(&b.src, left, q/b.tail[i])
			}
		}
		h[i] = T(float64(m) / float64(b.size))
		left -= m
	}
}

// uniform01 is in the open interval (0, 1).
func uniform01(s *philox.Source) float64 { return (float64(s.Uint64()>>11) + 0.5) * 0x1p-53 }

// binomial draws the number of successes in n trials of probability p: by inversion
// if few are expected, else by the transformed rejection BTRS of W. Hörmann (J. Stat.
// Comput. Simul. 46 (1993) 101).
func binomial(src *philox.Source, n int, p float64) int {
	if p >= 1 {
		return n
	}
	if p > 0.5 {
		return n - binomial(src, n, 1-p)
	}
	q, nf := 1-p, float64(n)
	if nf*p < 10 {
		s := p / q
		r, u := math.Exp(nf*math.Log1p(-p)), uniform01(src)
		k := 0
		for ; u > r && k < n; k++ {
			u -= r
			r *= (nf - float64(k)) / float64(k+1) * s
		}
		return k
	}
	spq := math.Sqrt(nf * p * q)
	b := 1.15 + 2.53*spq
	a := -0.0873 + 0.0248*b + 0.01*p
	c := nf*p + 0.5
	vr := 0.92 - 4.2/b
	var mode, height float64
	for {
		u, v := uniform01(src)-0.5, uniform01(src)
		us := 0.5 - math.Abs(u)
		k := math.Floor((2*a/us+b)*u + c)
		if us >= 0.07 && v <= vr {
			return int(k)
		}
		if k < 0 || k > nf {
			continue
		}
		if height == 0 {
			mode = math.Floor((nf + 1) * p)
			height = logFactorial(mode) + logFactorial(nf-mode)
		}
		v *= (2.83 + 5.1/b) * spq / (a/(us*us) + b)
		if math.Log(v) <= height-logFactorial(k)-logFactorial(nf-k)+(k-mode)*math.Log(p/q) {
			return int(k)
		}
	}
}

func logFactorial(k float64) float64 {
	l, _ := math.Lgamma(k + 1)
	return l
}

// NoiseOptions says how SimulateNoise is to go.
type NoiseOptions struct {
	Descent DescentOptions
	Batch   int // samples in a mini-batch, B
	Steps   int // steps over which the loss is averaged
	Burn    int // steps before that
	Seed    uint64
	Stream  uint32
	// Start is where the run begins; nil means the target.
	Start []float64
	// Data is the distribution that is sampled; nil means the target. With the
	// histogram of a data set it is training on mini-batches of that.
	Data []float64
}

// NoiseResult is the loss in the noise.
type NoiseResult struct {
	// Floor is the mean of L over the steps, KL(q‖p) or KL(p‖q) to the target q, not to
	// its samples.
	Floor float64
	// StdErr is its standard error from the means of 32 parts of the run.
	StdErr float64
	// Predicted is NoiseFloor.
	Predicted float64
	P         []float64 // the last distribution
}

// SimulateNoise descends to the target q with the histograms of mini-batches in its
// place, and averages the loss. The result is the same for a seed whatever GOMAXPROCS
// is. Errors wrap ErrInvalid, ErrBoundary, ErrLeftDomain, ErrDiverged or the error of the
// context.
func SimulateNoise(ctx context.Context, q []float64, ref int, o NoiseOptions) (*NoiseResult, error) {
	const parts = 32
	d, err := NewDescent(q, ref, o.Descent)
	if err != nil {
		return nil, err
	}
	if o.Descent.Loss != Forward {
		return nil, fmt.Errorf("infogeo: Loss = %v, want Forward: samples estimate expectations under the target: %w", o.Descent.Loss, ErrInvalid)
	}
	if o.Steps < parts || o.Burn < 0 {
		return nil, fmt.Errorf("infogeo: Steps = %d, Burn = %d, want at least %d and 0: %w", o.Steps, o.Burn, parts, ErrInvalid)
	}
	data, start := o.Data, o.Start
	if data == nil {
		data = q
	}
	if start == nil {
		start = q
	}
	if len(data) != len(q) || len(start) != len(q) {
		return nil, fmt.Errorf("infogeo: Data has %d states, Start %d, want %d: %w", len(data), len(start), len(q), ErrShape)
	}
	b, err := NewBatches(data, o.Batch, o.Seed, o.Stream)
	if err != nil {
		return nil, err
	}
	x, next, h := make([]float64, d.Dim()), make([]float64, d.Dim()), make([]float64, len(q))
	if err := d.FromP(x, start); err != nil {
		return nil, err
	}
	r := &NoiseResult{Predicted: NoiseFloor(d.Eigenvalues(), o.Descent.Alpha, o.Batch), P: make([]float64, len(q))}
	var means [parts]float64
	counts := [parts]float64{}
	for k := range o.Burn + o.Steps {
		if k%1024 == 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
		}
		b.Draw(h, uint64(k))
		d.setTarget(h)
		if _, err := d.Step(next, x, k); err != nil {
			return nil, err
		}
		x, next = next, x
		if k >= o.Burn {
			part := (k - o.Burn) * parts / o.Steps
			means[part] += d.LossTo(q, x)
			counts[part]++
		}
	}
	for i := range means {
		means[i] /= counts[i]
	}
	r.Floor = kernel.Sum(means[:]) / parts
	var s float64
	for _, m := range means {
		s += (m - r.Floor) * (m - r.Floor)
	}
	r.StdErr = math.Sqrt(s / (parts - 1) / parts)
	d.P(r.P, x)
	return r, nil
}
