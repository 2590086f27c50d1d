package game

import (
	"context"
	"fmt"
	"math"
	"sync"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/philox"
)

// EnergySample are the options of PotentialEnergy.
type EnergySample struct {
	Samples int    // 0 is 40000
	Seed    uint64 // of the random numbers
	Workers int    // goroutines, for games that are Cloners; 0 is GOMAXPROCS
}

// EnergyEstimate are the energies of a game and of its exact scalar part, with their
// standard errors.
type EnergyEstimate struct {
	Total, TotalErr   float64 // E_w|ξ|²
	Scalar, ScalarErr float64 // E_w|∇φ|² of ScalarFirst
	// Share is Scalar/Total, NaN for a game without strategic part. In a sample it may lie
	// outside [0, 1] by its error.
	Share, ShareErr float64
	Samples         int
}

// energyLanes is the number of samples of a block, which has one stream of random
// numbers and is evaluated together. Results depend on it, and on nothing else of how
// the work is divided.
const energyLanes = 256

// PotentialEnergy estimates how much of a game is a potential game: the scalar energy of
// the Gaussian-weighted Hodge decomposition in the sense of Zhou et al. (2024), for any
// game of any dimension, by
//
//	E_w|∇φ|² = (π/2) E[sin θ y'·(J(y) ξ(x)) + cos θ ξ(x)·ξ(y)]
//
// with x ~ w, Z ~ N(0, I), θ uniform in [0, π/2], y = μ + sin θ (x-μ) + cos θ √v Z and
// y' = dy/dθ: the mean over a random sample is unbiased (the formula is ours). J(y)ξ(x) is
// a central difference, of affine games a product, so that a sample costs at most four
// evaluations of ξ. Errors fall as 1/√Samples, whatever the dimension.
//
// The result depends on the seed, not on the number of workers or processors. Games that
// are Cloners run on several goroutines, Batchers many samples at once.
//
// Errors: ErrArgument, ErrShape, ErrNotFinite; ErrWeight for unequal variances or the jet
// weight; the context's.
func PotentialEnergy(ctx context.Context, g Game, w Weight, o EnergySample) (EnergyEstimate, error) {
	var none EnergyEstimate
	if g == nil {
		return none, fmt.Errorf("game: PotentialEnergy: game = nil, want a game: %w", ErrArgument)
	}
	if o.Samples == 0 {
		o.Samples = 40000
	}
	if o.Samples < 2 || o.Workers < 0 {
		return none, fmt.Errorf("game: EnergySample = %+v, want at least 2 samples and Workers >= 0: %w", o, ErrArgument)
	}
	if w.Jet {
		return none, fmt.Errorf("game: PotentialEnergy of the jet weight, want a Gaussian: %w", ErrWeight)
	}
	mean, v, err := w.isotropicOf(Dim(g))
	if err != nil {
		return none, err
	}
	cloner, ok := g.(Cloner)
	if !ok {
		o.Workers = 1
	}
	blocks := (o.Samples + energyLanes - 1) / energyLanes
	sums := make([]energySums, blocks)
	shared, batched := Batched[float64](g).(*PolyBatch[float64])
	pool := sync.Pool{New: func() any {
		switch {
		case batched:
			return newEnergyBlock(shared.Clone(), mean, math.Sqrt(v))
		case ok:
			return newEnergyBlock(Batched[float64](cloner.Clone()), mean, math.Sqrt(v))
		}
		return newEnergyBlock(Batched[float64](g), mean, math.Sqrt(v))
	}}
	err = flow.Ensemble(ctx, blocks, o.Workers, func(ctx context.Context, i int) error {
		b := pool.Get().(*energyBlock)
		defer pool.Put(b)
		lanes := min(energyLanes, o.Samples-i*energyLanes)
		return b.run(&sums[i], philox.Stream{Seed: o.Seed, ID: uint32(i)}, lanes)
	})
	if err != nil {
		return none, err
	}
	return estimate(sums), nil
}

// energySums are the sums over samples of the scalar integrand a, of b = |ξ(x)|² and of
// their squares and product.
type energySums struct{ n, a, b, aa, ab, bb float64 }

// energyBlock evaluates a block of samples, coordinate by coordinate.
type energyBlock struct {
	n          int
	mean       []float64
	sd         float64
	field      BatchField[float64]
	linear     *polySet[float64] // of affine games
	x, z, u, y []float64         // states; z becomes y'
	f, ju      []float64
	theta      []float64
	sin, cos   []float64
	a, b, step []float64
	tmp        []float64
	normals    philox.QuickNormals
}

func newEnergyBlock(field BatchField[float64], mean []float64, sd float64) *energyBlock {
	n := len(mean)
	b := &energyBlock{n: n, mean: mean, sd: sd, field: field}
	if p, ok := field.(*PolyBatch[float64]); ok {
		b.linear = p.jvp
	}
	for _, s := range []*[]float64{&b.x, &b.z, &b.u, &b.y, &b.f, &b.ju} {
		*s = make([]float64, n*energyLanes)
	}
	for _, s := range []*[]float64{&b.theta, &b.sin, &b.cos, &b.a, &b.b, &b.step, &b.tmp} {
		*s = make([]float64, energyLanes)
	}
	return b
}

// run adds up lanes samples of a stream.
func (b *energyBlock) run(s *energySums, stream philox.Stream, lanes int) error {
	all := b.n * lanes
	x, z, u, y, f := b.x[:all], b.z[:all], b.u[:all], b.y[:all], b.f[:all]
	b.normals.Fill(x, stream, philox.Steps, 0)
	b.normals.Fill(z, stream, philox.Steps, 1)
	philox.FillUniforms(b.theta[:lanes], stream, philox.Jumps, 0)
	for i := range lanes {
		b.sin[i], b.cos[i] = math.Sincos(math.Pi / 2 * b.theta[i])
	}
	sin, cos := b.sin[:lanes], b.cos[:lanes]
	b.arc(x, y, z, lanes)
	b.field.EvalBatch(u, x, lanes)
	b.field.EvalBatch(f, y, lanes)
	ju := b.jacobianProduct(lanes)
	sa, sb := b.a[:lanes], b.b[:lanes]
	b.rowDots(sa, z, ju, lanes)
	kernel.MulTo(sa, sa, sin)
	b.rowDots(sb, u, f, lanes)
	kernel.MulTo(sb, sb, cos)
	kernel.Axpy(1, sb, sa)
	kernel.Scal(math.Pi/2, sa)
	b.rowDots(sb, u, u, lanes)
	if !kernel.AllFinite(sa) || !kernel.AllFinite(sb) {
		return fmt.Errorf("game: PotentialEnergy: the field is not finite at a sample: %w", ErrNotFinite)
	}
	*s = energySums{float64(lanes), kernel.Sum(sa), kernel.Sum(sb), kernel.Dot(sa, sa), kernel.Dot(sa, sb), kernel.Dot(sb, sb)}
	return nil
}

// arc replaces standard normal numbers x and z by the state x and y', and stores y, on
// the arc from μ + √v Z to x at θ.
func (b *energyBlock) arc(x, y, z []float64, lanes int) {
	sin, cos, tmp := b.sin[:lanes], b.cos[:lanes], b.tmp[:lanes]
	kernel.Scal(b.sd, x)
	kernel.Scal(b.sd, z)
	for k, mean := range b.mean {
		x, y, z := x[k*lanes:][:lanes], y[k*lanes:][:lanes], z[k*lanes:][:lanes]
		kernel.MulTo(y, sin, x)
		kernel.MulTo(tmp, cos, z)
		kernel.AddTo(y, y, tmp)
		kernel.MulTo(tmp, sin, z)
		kernel.MulTo(z, cos, x)
		kernel.SubTo(z, z, tmp)
		if mean != 0 {
			for i := range x {
				x[i] += mean
				y[i] += mean
			}
		}
	}
}

// jacobianProduct returns J(y)u, by (ξ(y+hu) - ξ(y-hu))/2h unless the game is affine. It
// spoils x.
func (b *energyBlock) jacobianProduct(lanes int) []float64 {
	all := b.n * lanes
	x, u, y, f, ju := b.x[:all], b.u[:all], b.y[:all], b.f[:all], b.ju[:all]
	if b.linear != nil {
		b.linear.evalBatch(ju, u, lanes)
		return ju
	}
	// A step of cbrt(eps) relative to the sizes of y and u, lane by lane.
	h, norm := b.step[:lanes], b.tmp[:lanes]
	b.rowDots(h, y, y, lanes)
	b.rowDots(norm, u, u, lanes)
	for i := range h {
		if norm[i] > 0 {
			h[i] = firstStep * math.Sqrt((float64(b.n)+h[i])/norm[i])
		} else {
			h[i] = 1
		}
	}
	shifted := func(sign float64) {
		for k := range b.n {
			row := x[k*lanes:][:lanes]
			kernel.MulTo(row, u[k*lanes:][:lanes], h)
			kernel.Axpby(1, y[k*lanes:][:lanes], sign, row)
		}
	}
	shifted(1)
	b.field.EvalBatch(ju, x, lanes)
	shifted(-1)
	copy(y, f) // f is still needed
	b.field.EvalBatch(f, x, lanes)
	kernel.Axpy(-1, f, ju)
	copy(f, y)
	for i := range h {
		h[i] = 0.5 / h[i]
	}
	for k := range b.n {
		row := ju[k*lanes:][:lanes]
		kernel.MulTo(row, row, h)
	}
	return ju
}

// rowDots stores the scalar product of every state of p and q in dst.
func (b *energyBlock) rowDots(dst, p, q []float64, lanes int) {
	clear(dst)
	tmp := b.theta[:lanes]
	for k := range b.n {
		kernel.MulTo(tmp, p[k*lanes:][:lanes], q[k*lanes:][:lanes])
		kernel.Axpy(1, tmp, dst)
	}
}

// estimate adds the blocks in their order.
func estimate(blocks []energySums) EnergyEstimate {
	var s energySums
	for _, b := range blocks {
		s = energySums{s.n + b.n, s.a + b.a, s.b + b.b, s.aa + b.aa, s.ab + b.ab, s.bb + b.bb}
	}
	a, b := s.a/s.n, s.b/s.n
	scale := 1 / (s.n - 1)
	vaa, vab, vbb := (s.aa/s.n-a*a)*scale, (s.ab/s.n-a*b)*scale, (s.bb/s.n-b*b)*scale
	share := a / b
	return EnergyEstimate{
		Total: b, TotalErr: math.Sqrt(math.Max(vbb, 0)),
		Scalar: a, ScalarErr: math.Sqrt(math.Max(vaa, 0)),
		Share: share, ShareErr: math.Sqrt(math.Max(vaa-2*share*vab+share*share*vbb, 0)) / b,
		Samples: int(s.n),
	}
}
