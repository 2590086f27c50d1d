package sde

import (
	"math"
	"testing"

	"github.com/gradflow/gradflow/flow"
)

// slope is the least-squares slope of log err against log h for h = 1, 1/2, 1/4...
func slope(err []float64) float64 {
	var sx, sy, sxx, sxy float64
	n := float64(len(err))
	for i, e := range err {
		x, y := -float64(i)*math.Ln2, math.Log(e)
		sx, sy, sxx, sxy = sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	return (n*sxy - sx*sy) / (n*sxx - sx*sx)
}

func meanDistance[T flow.Float](x, y []T) float64 {
	s := 0.0
	for i := range x {
		s += math.Abs(float64(x[i] - y[i]))
	}
	return s / float64(len(x))
}

const (
	paths   = 4000
	orderT  = 1.0
	orderX0 = 0.5
)

func mustTree(t testing.TB, seed uint64, stream uint32, t0, t1 float64) *Tree {
	t.Helper()
	b, err := NewTree(seed, stream, t0, t1)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func constant(n int, v float64) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = v
	}
	return x
}

// strongErrors are the mean distances at the end time from exact, for steps
// 2^-4 ... 2^-7, all on the paths of one tree: a component is a path.
func strongErrors(t *testing.T, it func(Path) flow.Integrator[float64], b *Tree, exact []float64) []float64 {
	t.Helper()
	var errs []float64
	for k := 4; k <= 7; k++ {
		x := last(t, it(b), constant(len(exact), orderX0), math.Ldexp(orderT, -k), orderT)
		errs = append(errs, meanDistance(x, exact))
	}
	return errs
}

func checkSlope(t *testing.T, name string, errs []float64, want float64) {
	t.Helper()
	got := slope(errs)
	t.Logf("%s: order %.2f, errors %.2e", name, got, errs)
	if !(math.Abs(got-want) < 0.2) {
		t.Errorf("%s: order %.3f, want %v (errors %v)", name, got, want, errs)
	}
}

func TestStrongOrder(t *testing.T) {
	b := mustTree(t, 7, 0, 0, orderT)
	exact := make([]float64, paths)
	if err := b.At(exact, orderT); err != nil {
		t.Fatal(err)
	}
	for i, w := range exact {
		exact[i] = math.Atan(w + math.Tan(orderX0))
	}
	ito, strat := sineSystem[float64](paths, Diagonal, Ito), sineSystem[float64](paths, Diagonal, Stratonovich)
	for _, c := range []struct {
		name string
		it   func(Path) flow.Integrator[float64]
		want float64
	}{
		{"EulerMaruyama", func(p Path) flow.Integrator[float64] { return EulerMaruyama(ito, p) }, 0.5},
		{"Milstein", func(p Path) flow.Integrator[float64] { return Milstein(ito, p) }, 1},
		{"Heun", func(p Path) flow.Integrator[float64] { return Heun(strat, p) }, 1},
		{"WeakPlaten", func(p Path) flow.Integrator[float64] { return WeakPlaten(ito, p) }, 1},
		{"SRI1W1", func(p Path) flow.Integrator[float64] { return SRI1W1(ito, p) }, 1.5},
		{"Heun of the converted equation", func(p Path) flow.Integrator[float64] { return Heun(Convert(ito, Stratonovich), p) }, 1},
		{"SRI1W1 of the converted equation", func(p Path) flow.Integrator[float64] { return SRI1W1(Convert(strat, Ito), p) }, 1.5},
	} {
		checkSlope(t, c.name, strongErrors(t, c.it, b, exact), c.want)
	}
}

func TestStrongOrderAdditive(t *testing.T) {
	b := mustTree(t, 8, 0, 0, orderT)
	s := doubleWell[float64](paths, Diagonal)
	fine := last(t, SRA1(s, b), constant(paths, orderX0), orderT/1024, orderT)
	for _, c := range []struct {
		name string
		it   func(Path) flow.Integrator[float64]
		want float64
	}{
		{"EulerMaruyama", func(p Path) flow.Integrator[float64] { return EulerMaruyama(s, p) }, 1},
		{"Heun", func(p Path) flow.Integrator[float64] { return Heun(s, p) }, 1},
		{"SRA1", func(p Path) flow.Integrator[float64] { return SRA1(s, p) }, 1.5},
		{"SRI1W1", func(p Path) flow.Integrator[float64] { return SRI1W1(s, p) }, 1.5},
	} {
		checkSlope(t, c.name, strongErrors(t, c.it, b, fine), c.want)
	}
}

// TestStrongOrderNonautonomous: drift and diffusion depend on the time, which a
// method must look at in the right places to keep its order.
func TestStrongOrderNonautonomous(t *testing.T) {
	const n = 2000
	b := mustTree(t, 9, 0, 0, orderT)
	drift := func(c float64) flow.Field[float64] {
		return flow.FieldFunc(n, func(dst, x []float64, t float64) {
			sigma := 0.5 + 0.4*math.Sin(3*t)
			for i, v := range x {
				dst[i] = math.Cos(4*t)*v - c*sigma*sigma/2*v
			}
		})
	}
	noise := func(dst, x []float64, t float64) {
		for i, v := range x {
			dst[i] = (0.5 + 0.4*math.Sin(3*t)) * v
		}
	}
	ito, strat := Func(drift(0), Noise{}, noise), Func(drift(1), Noise{Calculus: Stratonovich}, noise)
	// X = X0 exp(∫ (μ - σ²/2) dt + ∫ σ dW), the last by parts on the path:
	// over a step, σ dW ≈ σ(t+h) ΔW - h σ'(t+h/2) (ΔW/2 + H), up to O(h^(5/2)).
	exact := make([]float64, n)
	w, area := make([]float64, n), make([]float64, n)
	const steps = 256
	for i := range steps {
		h := orderT / steps
		at := float64(i) * h
		if err := b.Increment(w, area, 0, at, h); err != nil {
			t.Fatal(err)
		}
		for j := range exact {
			exact[j] += (0.5+0.4*math.Sin(3*(at+h)))*w[j] - h*1.2*math.Cos(3*(at+h/2))*(w[j]/2+area[j])
		}
	}
	// ∫_0^1 cos 4t dt and ∫_0^1 σ² dt.
	intMu := math.Sin(4) / 4
	intSigma2 := 0.25 + 0.4*(1-math.Cos(3))/3 + 0.16*(0.5-math.Sin(6)/12)
	for j := range exact {
		exact[j] = orderX0 * math.Exp(intMu-intSigma2/2+exact[j])
	}
	for _, c := range []struct {
		name string
		it   func(Path) flow.Integrator[float64]
		want float64
	}{
		{"Milstein", func(p Path) flow.Integrator[float64] { return Milstein(ito, p) }, 1},
		{"Heun", func(p Path) flow.Integrator[float64] { return Heun(strat, p) }, 1},
		{"WeakPlaten", func(p Path) flow.Integrator[float64] { return WeakPlaten(ito, p) }, 1},
		{"SRI1W1", func(p Path) flow.Integrator[float64] { return SRI1W1(ito, p) }, 1.5},
	} {
		checkSlope(t, c.name, strongErrors(t, c.it, b, exact), c.want)
	}
}

// TestShapes: a diagonal matrix as General noise is Diagonal noise, one column is
// Scalar noise, and a rectangular matrix enters row by row.
func TestShapes(t *testing.T) {
	drift := flow.FieldFunc(2, func(dst, x []float64, t float64) { dst[0], dst[1] = -x[1], x[0]*t })
	diagonal := func(n Noise, matrix bool) System[float64] {
		return Func(drift, n, func(dst, _ []float64, t float64) {
			if matrix {
				copy(dst, []float64{1 + t, 0, 0, 2 - t})
				return
			}
			dst[0], dst[1] = 1+t, 2-t
		})
	}
	p := Increments{Seed: 12}
	for name, it := range map[string]func(System[float64]) flow.Integrator[float64]{
		"EulerMaruyama": func(s System[float64]) flow.Integrator[float64] { return EulerMaruyama(s, p) },
		"Heun":          func(s System[float64]) flow.Integrator[float64] { return Heun(s, p) },
		"SRA1":          func(s System[float64]) flow.Integrator[float64] { return SRA1(s, p) },
	} {
		for _, pair := range [][2]System[float64]{
			{diagonal(Noise{Additive: true}, false), diagonal(Noise{Shape: General, Channels: 2, Additive: true}, true)},
			{diagonal(Noise{Shape: Scalar, Additive: true}, false), diagonal(Noise{Shape: General, Channels: 1, Additive: true}, false)},
		} {
			x, y := last(t, it(pair[0]), []float64{1, 2}, 0.1, 1), last(t, it(pair[1]), []float64{1, 2}, 0.1, 1)
			for i := range x {
				near(t, name+" as General", y[i], x[i], 1e-14)
			}
		}
	}
	s := Func(drift, Noise{Shape: General, Channels: 3}, func(dst, x []float64, _ float64) {
		copy(dst, []float64{x[0], 2, 3, 4, x[1], 6})
	})
	w := make([]float64, 3)
	if err := p.Increment(w, nil, 0, 0, 0.5); err != nil {
		t.Fatal(err)
	}
	x := last(t, EulerMaruyama(s, p), []float64{1, 2}, 0.5, 0.5)
	near(t, "General, x", x[0], 1-0.5*2+w[0]+2*w[1]+3*w[2], 1e-14)
	near(t, "General, y", x[1], 2+4*w[0]+2*w[1]+6*w[2], 1e-14)
}

// TestStrongOrderUBU compares step sizes on one path: the exact noise of a long
// half step is composed of that of short ones.
func TestStrongOrderUBU(t *testing.T) {
	const n, fineHalf = 400, 1.0 / 1024 // length of the shortest half step
	k, err := Underdamped(well[float64](n), 1.5, 1)
	if err != nil {
		t.Fatal(err)
	}
	x0 := append(constant(n, orderX0), make([]float64, n)...)
	run := func(h float64) []float64 {
		source := newSplitting("UBU", k, Increments{Seed: 3}, true)
		source.xi, source.nx = make([]float64, n), make([]float64, n)
		source.setStep(2 * fineHalf)
		it := newSplitting("UBU", k, Increments{}, true)
		r := uint64(h / 2 / fineHalf)
		it.half = func(nv, nx []float64, index uint64) {
			clear(nv)
			clear(nx)
			for i := index * r; i < (index+1)*r; i++ {
				source.halfStep(source.xi, source.nx, i)
				for j := range nv {
					nx[j] += source.c.shift*nv[j] + source.nx[j]
					nv[j] = source.c.decay*nv[j] + source.xi[j]
				}
			}
		}
		return last[float64](t, it, x0, h, 2)
	}
	exact := run(2 * fineHalf)
	var errs []float64
	for i := 2; i <= 5; i++ {
		errs = append(errs, meanDistance(run(math.Ldexp(1, -i)), exact))
	}
	checkSlope(t, "UBU", errs, 2)
}

// nodes is a Path that returns a chosen ΔW: a node of a quadrature over it.
type nodes float64

func (z nodes) Increment(w, area []float64, _ uint64, _, h float64) error {
	for j := range w {
		w[j] = float64(z) * math.Sqrt(h)
	}
	clear(area)
	return nil
}
func (nodes) Limit(_, h float64) float64 { return h }

// TestWeakOrder has no sampling error: for dX = μ(t) X dt + σ(t) X dW every step
// multiplies X by a factor, whose moments are a Gauss-Hermite sum.
func TestWeakOrder(t *testing.T) {
	mu := func(t float64) float64 { return -1 + math.Cos(2*t) }
	sigma := func(t float64) float64 { return 0.8 + 0.5*math.Sin(3*t) }
	// ∫_0^1 of μ and of σ².
	intMu := -1 + math.Sin(2)/2
	intSigma2 := 0.64 + 0.8*(1-math.Cos(3))/3 + 0.25*(0.5-math.Sin(6)/12)
	drift := flow.FieldFunc(1, func(dst, x []float64, t float64) { dst[0] = mu(t) * x[0] })
	// The nodes and weights of E[f(Z)], exact for polynomials of degree 9.
	r := math.Sqrt(10)
	z := []float64{0, math.Sqrt(5 - r), -math.Sqrt(5 - r), math.Sqrt(5 + r), -math.Sqrt(5 + r)}
	p := []float64{8. / 15, (7 + 2*r) / 60, (7 + 2*r) / 60, (7 - 2*r) / 60, (7 - 2*r) / 60}
	for _, shape := range []Shape{Diagonal, Scalar} {
		s := Func(drift, Noise{Shape: shape}, func(dst, x []float64, t float64) { dst[0] = sigma(t) * x[0] })
		for _, c := range []struct {
			name string
			it   func(Path) flow.Integrator[float64]
			want float64
		}{
			{"EulerMaruyama", func(p Path) flow.Integrator[float64] { return EulerMaruyama(s, p) }, 1},
			{"Milstein", func(p Path) flow.Integrator[float64] { return Milstein(s, p) }, 1},
			{"WeakPlaten", func(p Path) flow.Integrator[float64] { return WeakPlaten(s, p) }, 2},
		} {
			for power := 1; power <= 2; power++ {
				exact := math.Exp(float64(power)*intMu + float64(power*(power-1))/2*intSigma2)
				var errs []float64
				for _, steps := range []int{16, 32, 64, 128} {
					moment := 1.0
					h := 1 / float64(steps)
					for i := range steps {
						m := 0.0
						for j := range z {
							it, next := c.it(nodes(z[j])), []float64{0}
							var tr flow.Trial
							if err := it.Init(flow.Start[float64]{T: float64(i) * h, X: []float64{1}, Dir: 1}, &tr); err != nil {
								t.Fatal(err)
							}
							it.Try(&tr, next, []float64{1}, float64(i)*h, h)
							m += p[j] * math.Pow(next[0], float64(power))
						}
						moment *= m
					}
					errs = append(errs, math.Abs(moment-exact))
				}
				checkSlope(t, c.name+" "+shape.String(), errs, c.want)
			}
		}
	}
}
