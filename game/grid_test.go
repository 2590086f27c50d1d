package game

import (
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow/kernel"
	"github.com/gradflow/gradflow/internal/philox"
)

type spectralFile struct {
	Torus struct {
		Row0 []float64 `json:"phi_row0"`
		Row3 []float64 `json:"phi_row3"`
	}
	Box struct {
		Shape             []int
		Spacing           []float64
		Loss1, Loss2, Phi [][]float64
	}
	Decaying struct {
		Share  float64 `json:"energy_scalar_over_total"`
		Points []struct {
			X        []float64
			Phi      float64
			Gradient []float64 `json:"grad_phi_8_digits"`
		}
	}
}

func spectral(t *testing.T) spectralFile {
	var f spectralFile
	readFiniteJSON(t, "spectral.json", &f)
	return f
}

func TestTorusReference(t *testing.T) {
	const n = 8
	torus, err := NewTorus([]int{n, n}, []float64{2 * math.Pi, 2 * math.Pi}, []int{1, 1})
	if err != nil {
		t.Fatal(err)
	}
	l1, l2, want := make([]float64, n*n), make([]float64, n*n), make([]float64, n*n)
	dx, dy, sin, cos := make([]float64, n*n), make([]float64, n*n), math.Sin, math.Cos
	for i := range n {
		for j := range n {
			x, y := 2*math.Pi*float64(i)/n, 2*math.Pi*float64(j)/n
			at := i*n + j
			l1[at] = -cos(x-y) + .5*sin(x+2*y) + .3*cos(3*y)
			l2[at] = -.4*cos(x-y) + .7*sin(2*x+y) + .2*sin(x) + .1*cos(y)
			want[at] = -.7*cos(x-y) + .1*sin(x+2*y) + .14*sin(2*x+y) + .1*cos(y)
			dx[at] = sin(x-y) + .5*cos(x+2*y)
			dy[at] = -.4*sin(x-y) + .7*cos(2*x+y) - .1*sin(y)
		}
	}
	p, err := torus.Decompose([][]float64{l1, l2})
	if err != nil {
		t.Fatal(err)
	}
	file := spectral(t)
	if !within(p.Phi, want, 1e-14) || !within(p.Phi[:n], file.Torus.Row0, 1e-14) || !within(p.Phi[3*n:4*n], file.Torus.Row3, 1e-14) {
		t.Errorf("φ = %v, want %v", p.Phi, want)
	}
	f, err := torus.DecomposeField([][]float64{dx, dy})
	if err != nil {
		t.Fatal(err)
	}
	if !within(f.Phi, want, 1e-14) || kernel.MaxAbs(f.Mean) > 1e-15 {
		t.Errorf("φ of the field = %v, want %v; mean %v", f.Phi, want, f.Mean)
	}
	if e, w := p.Energy, f.Energy; math.Abs(e.Total-w.Total) > 1e-14 || math.Abs(e.Scalar-w.Scalar) > 1e-14 || math.Abs(e.Vector-w.Vector) > 1e-14 ||
		math.Abs(e.Total-e.Scalar-e.Vector) > 1e-14 || p.Share != e.Scalar/e.Total {
		t.Errorf("energies %+v by losses, %+v by the field", e, w)
	}
}

// Random fields: the rotation has no divergence, the parts are orthogonal and add up,
// with odd and even numbers of points and players with several axes.
func TestTorusField(t *testing.T) {
	r := rand.New(philox.NewSource(20, 0))
	for _, shape := range [][]int{{5, 7}, {8, 6}, {4, 3, 5}, {16}} {
		periods := make([]float64, len(shape))
		for k := range periods {
			periods[k] = 1 + r.Float64()
		}
		torus, err := NewTorus(shape, periods, []int{len(shape)})
		if err != nil {
			t.Fatal(err)
		}
		xi := torus.tensors(len(shape))
		for _, c := range xi {
			for j := range c {
				c[j] = r.NormFloat64()
			}
		}
		f, err := torus.DecomposeField(xi)
		if err != nil {
			t.Fatal(err)
		}
		div, inner, mean := make([]float64, torus.n), 0.0, 0.0
		for k, y := range f.Rotation {
			kernel.Axpy(1, torus.derivative(torus.forward(y), k), div)
			inner += kernel.Dot(y, f.Gradient[k])
			mean += f.Mean[k] * f.Mean[k]
		}
		if kernel.MaxAbs(div) > 1e-12 || math.Abs(inner) > 1e-12 {
			t.Errorf("shape %v: div Y = %g, <Y, ∇φ> = %g, want 0", shape, kernel.MaxAbs(div), inner)
		}
		if e := f.Energy; math.Abs(e.Total-e.Scalar-e.Vector-mean) > 1e-13*e.Total {
			t.Errorf("shape %v: energies %+v and %v of the mean do not add up", shape, e, mean)
		}
		// A pure gradient has no rotation.
		g, err := torus.DecomposeField(f.Gradient)
		if err != nil {
			t.Fatal(err)
		}
		if !within(g.Phi, f.Phi, 1e-13) || len(shape) > 1 && math.Abs(g.Share-1) > 1e-13 {
			t.Errorf("shape %v: the gradient has share %v", shape, g.Share)
		}
	}
}

func TestBoxReference(t *testing.T) {
	c := spectral(t).Box
	b, err := NewBox(c.Shape, c.Spacing, []int{1, 1})
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.Decompose([][]float64{slices.Concat(c.Loss1...), slices.Concat(c.Loss2...)})
	if err != nil {
		t.Fatal(err)
	}
	if want := slices.Concat(c.Phi...); !within(p.Phi, want, 1e-14) {
		t.Errorf("φ = %v, want %v", p.Phi, want)
	}
}

// φ is the dense least squares solution, the vector part has no divergence, and the
// energies add up, for players with one and several axes.
func TestBoxLeastSquares(t *testing.T) {
	r := rand.New(philox.NewSource(21, 0))
	for _, c := range []struct{ shape, blocks []int }{{[]int{4, 5}, []int{1, 1}}, {[]int{3, 2, 4}, []int{1, 2}}, {[]int{3, 2, 4}, []int{2, 1}}, {[]int{7}, []int{1}}, {[]int{1, 6}, []int{1, 1}}} {
		h := make([]float64, len(c.shape))
		for k := range h {
			h[k] = .2 + r.Float64()
		}
		b, err := NewBox(c.shape, h, c.blocks)
		if err != nil {
			t.Fatal(err)
		}
		losses := b.tensors(len(c.blocks))
		for _, l := range losses {
			for j := range l {
				l[j] = r.NormFloat64()
			}
		}
		p, err := b.Decompose(losses)
		if err != nil {
			t.Fatal(err)
		}
		var rows [][]float64
		var rhs []float64
		axis := 0
		for i, d := range c.blocks {
			for k := axis; k < axis+d; k++ {
				inner := b.inner(k)
				for at := range b.n {
					if at/inner%b.shape[k] == 0 {
						continue
					}
					row := make([]float64, b.n)
					row[at], row[at-inner] = 1/h[k], -1/h[k]
					rows = append(rows, row)
					rhs = append(rhs, (losses[i][at]-losses[i][at-inner])/h[k])
				}
			}
			axis += d
		}
		one := make([]float64, b.n)
		for j := range one {
			one[j] = 1 // the mean is 0
		}
		rows, rhs = append(rows, one), append(rhs, 0)
		a := mat.NewDense(len(rows), b.n, nil)
		for i, row := range rows {
			a.SetRow(i, row)
		}
		var want mat.VecDense
		if err := want.SolveVec(a, mat.NewVecDense(len(rhs), rhs)); err != nil {
			t.Fatal(err)
		}
		if !within(p.Phi, want.RawVector().Data, 1e-12) {
			t.Errorf("%v: φ = %v, want %v", c, p.Phi, want.RawVector().Data)
		}
		div := make([]float64, b.n)
		b.Divergence(div, p.Vector)
		if kernel.MaxAbs(div) > 1e-11 {
			t.Errorf("%v: divergence %g", c, kernel.MaxAbs(div))
		}
		for i, l := range losses {
			for j, v := range l {
				if s := p.Scalar[i][j] + p.Vector[i][j] + p.NonStrategic[i][j]; math.Abs(s-v) > 1e-13 {
					t.Fatalf("%v: parts add up to %v, want %v", c, s, v)
				}
			}
		}
		if e := p.Energy; math.Abs(e.Total-e.Scalar-e.Vector) > 1e-12*e.Total {
			t.Errorf("%v: energies %+v do not add up", c, e)
		}
	}
}

func TestFreeSpaceReference(t *testing.T) {
	file := spectral(t).Decaying
	const n, h = 180, .1
	f, err := NewFreeSpace([]int{n, n}, []float64{h, h})
	if err != nil {
		t.Fatal(err)
	}
	xi := f.tensors(2)
	for i := range n {
		for j := range n {
			x, y := (float64(i)-n/2)*h, (float64(j)-n/2)*h
			xi[0][i*n+j] = y * math.Exp(-(x*x+y*y)/2)
		}
	}
	p, err := f.Decompose(xi)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(p.Share-file.Share) > 1e-13 {
		t.Errorf("scalar share %v, want %v", p.Share, file.Share)
	}
	for _, c := range file.Points {
		at := (int(math.Round(c.X[0]/h))+n/2)*n + int(math.Round(c.X[1]/h)) + n/2
		if math.Abs(p.Phi[at]-c.Phi) > 1e-14 {
			t.Errorf("φ%v = %v, want %v", c.X, p.Phi[at], c.Phi)
		}
		for k, w := range c.Gradient {
			if math.Abs(p.Gradient[k][at]-w) > 2e-8 { // as many digits are given
				t.Errorf("∇φ%v = %v, want %v", c.X, p.Gradient[k][at], c.Gradient)
			}
		}
	}
}

// Grids longer one way than the other, and three dimensions: a field of known potential,
// which decays as 1/r², plus a rotation.
func TestFreeSpaceThreeDimensions(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds under the race detector")
	}
	shape, h := []int{40, 36, 44}, []float64{.4, .44, .36}
	f, err := NewFreeSpace(shape, h)
	if err != nil {
		t.Fatal(err)
	}
	xi, want := f.tensors(3), make([]float64, f.n)
	index := make([]int, 3)
	for at := range f.n {
		rest := at
		for k := 2; k >= 0; k-- {
			index[k], rest = rest%shape[k], rest/shape[k]
		}
		var x [3]float64
		r2 := 0.0
		for k := range x {
			x[k] = (float64(index[k] - shape[k]/2)) * h[k]
			r2 += x[k] * x[k]
		}
		g, r := math.Exp(-r2/2), math.Sqrt(r2)
		xi[0][at] = g - x[1]*g
		xi[1][at] = x[0] * g // the rotation (-y, x, 0) has no divergence
		// Δφ = ∂_x of the Gaussian.
		want[at] = x[0] / 3
		if r > .1 {
			want[at] = x[0] / (r * r2) * (math.Sqrt(math.Pi/2)*math.Erf(r/math.Sqrt2) - r*g)
		} else {
			want[at] *= 1 - r2*3/10 + r2*r2*3/56
		}
	}
	p, err := f.Decompose(xi)
	if err != nil {
		t.Fatal(err)
	}
	worst := 0.0
	for at, w := range want {
		worst = max(worst, math.Abs(p.Phi[at]-w))
	}
	if worst > 1e-10 {
		t.Errorf("φ is off by %g", worst)
	}
	// Energies: 1/3 of the Gaussian's is scalar, ∫g² = π^(3/2), ∫(x²+y²)g² = π^(3/2).
	if e, unit := p.Energy, math.Pow(math.Pi, 1.5); math.Abs(e.Scalar-unit/3) > 1e-10 || math.Abs(e.Total-2*unit) > 1e-10 {
		t.Errorf("energies %+v, want %v and %v", e, 2*unit, unit/3)
	}
	// A flat grid: the padding must reach around it.
	flat, err := NewFreeSpace([]int{640, 64}, []float64{.1, .25})
	if err != nil {
		t.Fatal(err)
	}
	y := flat.tensors(2)
	for i := range 640 {
		for j := range 64 {
			a, b := (float64(i)-320)*.1, (float64(j)-32)*.25
			y[0][i*64+j] = b * math.Exp(-(a*a+b*b)/2)
		}
	}
	q, err := flat.Decompose(y)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(q.Share-.25) > 1e-12 || math.Abs(q.Phi[340*64+36]-phiDecaying(2, 1)) > 1e-13 {
		t.Errorf("flat grid: share %v, φ(2, 1) = %v, want .25 and %v", q.Share, q.Phi[340*64+36], phiDecaying(2, 1))
	}
}

// phiDecaying is the potential of (y exp(-r²/2), 0).
func phiDecaying(x, y float64) float64 {
	r2 := x*x + y*y
	g := math.Exp(-r2 / 2)
	return 2 * x * y / r2 * ((1-g)/r2 - g/2)
}

// Results do not depend on the number of goroutines.
func TestGridWorkers(t *testing.T) {
	r := rand.New(philox.NewSource(22, 0))
	b, err := NewBox([]int{96, 250}, []float64{1, 1}, []int{1, 1})
	if err != nil {
		t.Fatal(err)
	}
	losses := b.tensors(2)
	for _, l := range losses {
		for j := range l {
			l[j] = r.NormFloat64()
		}
	}
	var first []float64
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, workers := range []int{1, 2, 5} {
		runtime.GOMAXPROCS(workers)
		p, err := b.Decompose(losses)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = p.Phi
		} else if !slices.Equal(first, p.Phi) {
			t.Errorf("other bits with %d workers", workers)
		}
	}
}

func TestGridErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		shape  []int
		h      []float64
		blocks []int
		want   error
	}{
		{"blocks do not sum to the axes", []int{3, 3}, []float64{1, 1}, []int{1}, ErrShape},
		{"empty player", []int{3, 3}, []float64{1, 1}, []int{2, 0}, ErrShape},
		{"one h", []int{3, 3}, []float64{1}, []int{1, 1}, ErrShape},
		{"h = 0", []int{3, 3}, []float64{1, 0}, []int{1, 1}, ErrArgument},
		{"no point", []int{3, 0}, []float64{1, 1}, []int{1, 1}, ErrShape},
		{"too many points", []int{1 << 16, 1 << 16}, []float64{1, 1}, []int{1, 1}, ErrTooLarge},
	} {
		if _, err := NewBox(c.shape, c.h, c.blocks); !errors.Is(err, c.want) {
			t.Errorf("box, %s: error %v, want %v", c.name, err, c.want)
		}
		if _, err := NewTorus(c.shape, c.h, c.blocks); !errors.Is(err, c.want) {
			t.Errorf("torus, %s: error %v, want %v", c.name, err, c.want)
		}
	}
	if _, err := NewFreeSpace([]int{8}, []float64{1}); !errors.Is(err, ErrShape) {
		t.Errorf("free space in one dimension: %v", err)
	}
	if _, err := NewFreeSpace([]int{8, 8}, []float64{1, math.NaN()}); !errors.Is(err, ErrArgument) {
		t.Errorf("free space, NaN: %v", err)
	}
	b, err := NewBox([]int{2, 2}, []float64{1, 1}, []int{1, 1})
	if err != nil {
		t.Fatal(err)
	}
	flat := []float64{.3, .3, .3, .3}
	for _, c := range []struct {
		losses [][]float64
		want   error
	}{{[][]float64{flat}, ErrShape}, {[][]float64{flat, flat[:3]}, ErrShape}, {[][]float64{flat, {1, 2, math.NaN(), 4}}, ErrNotFinite}} {
		if _, err := b.Decompose(c.losses); !errors.Is(err, c.want) {
			t.Errorf("%v: error %v, want %v", c.losses, err, c.want)
		}
	}
	p, err := b.Decompose([][]float64{flat, flat})
	if err != nil || !p.Undefined || !math.IsNaN(p.Share) || p.Energy.Total != 0 {
		t.Errorf("constant losses: %+v, %v, want energy 0 and an undefined share", p, err)
	}
}

func BenchmarkBox(b *testing.B) {
	const n = 512
	box, err := NewBox([]int{n, n}, []float64{1, 1}, []int{1, 1})
	if err != nil {
		b.Fatal(err)
	}
	r := rand.New(philox.NewSource(23, 0))
	losses := box.tensors(2)
	for _, l := range losses {
		for j := range l {
			l[j] = r.NormFloat64()
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := box.Decompose(losses); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(n*n*float64(b.N)/b.Elapsed().Seconds(), "points/s")
}
