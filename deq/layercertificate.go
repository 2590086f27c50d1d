package deq

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/internal/lanczos"
)

// LayerCertificate says what is proved about the existence of the fixed points of
// a dense layer. Any one of the four conditions suffices for a unique fixed point
// for every input: Contraction < 1, RowSum < 1, Perron < 1 (El Ghaoui et al.,
// arXiv 1908.06315), or, for nondecreasing σ with Lip <= 1, which are proximal
// maps, Monotone > 0 (Winston and Kolter, arXiv 2006.08591).
type LayerCertificate struct {
	// Lip is that of the activation, Norm2 is |W|₂.
	Lip, Norm2 float64
	// Contraction is Lip |W|₂, RowSum is Lip |W|_∞.
	Contraction, RowSum float64
	// Perron bounds Lip ρ(|W|) from above, by the quotients of Collatz and
	// Wielandt.
	Perron float64
	// Monotone is μ = λ_min(sym(I - W)); Proximal says that σ is nondecreasing
	// with Lip <= 1, without which μ means nothing.
	Monotone float64
	Proximal bool

	units int
}

// Certify computes the certificate of the layer, in O(n³) operations; for more
// than 300 units |W|₂ and μ come from Lanczos's method, with their residuals as a
// margin. Errors wrap ErrNotFinite or ErrArgument.
func (l *Dense[T]) Certify() (*LayerCertificate, error) {
	l.shape()
	if err := l.check(); err != nil {
		return nil, err
	}
	n := l.W.Rows
	c := &LayerCertificate{Lip: l.Act.Lip, Proximal: l.Act.Monotone() && l.Act.Lip <= 1, Monotone: 1, units: n}
	if n == 0 {
		return c, nil
	}
	w := mat.NewDense(n, n, nil)
	for i := range n {
		sum := 0.0
		for j, v := range l.W.Row(i) {
			w.Set(i, j, float64(v))
			sum += math.Abs(float64(v))
		}
		c.RowSum = max(c.RowSum, c.Lip*sum)
	}
	var err error
	if c.Norm2, c.Monotone, err = spectra(w); err != nil {
		return nil, err
	}
	c.Contraction = c.Lip * c.Norm2
	c.Perron = c.Lip * perronBound(w)
	return c, nil
}

// WellPosed says that a unique fixed point is proved.
func (c *LayerCertificate) WellPosed() bool {
	return c.Contraction < 1 || c.RowSum < 1 || c.Perron < 1 || c.Proximal && c.Monotone > 0
}

// ErrorBound bounds |z - z*| (with image |f(z) - z*|) for a point with residual
// |z - f(z)| = r, Euclidean norms: r/(1-q) of a contraction; √n times that of one
// in the maximum norm; and with r = z - p, p = f(z), for a monotone layer
// |p - z*| <= |Wr|/μ, since with σ = prox_φ both (W r - ((I-W)p - c)) in ∂φ(p) and
// -((I-W)z* - c) in ∂φ(z*). It is +Inf where nothing is proved.
func (c *LayerCertificate) ErrorBound(r float64, image bool) float64 {
	bound := math.Inf(1)
	if c.Contraction < 1 {
		bound = contractionError(c.Contraction, r, image)
	}
	if c.RowSum < 1 {
		bound = min(bound, math.Sqrt(float64(c.units))*contractionError(c.RowSum, r, image))
	}
	if c.Proximal && c.Monotone > 0 {
		b := c.Norm2 * r / c.Monotone
		if !image {
			b += r
		}
		bound = min(bound, b)
	}
	return bound
}

// spectra returns |W|₂ and λ_min(sym(I - W)).
func spectra(w *mat.Dense) (norm, mu float64, err error) {
	n, _ := w.Dims()
	s := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			s.SetSym(i, j, -(w.At(i, j)+w.At(j, i))/2)
		}
		s.SetSym(i, i, 1-w.At(i, i))
	}
	if n > 300 {
		return krylovSpectra(w, s)
	}
	var svd mat.SVD
	var eig mat.EigenSym
	if !svd.Factorize(w, mat.SVDNone) || !eig.Factorize(s, false) {
		return 0, 0, fmt.Errorf("deq: singular values of W were not found: %w", ErrNotConverged)
	}
	return svd.Values(nil)[0], eig.Values(nil)[0], nil
}

// krylovSpectra is spectra by Lanczos's method.
func krylovSpectra(w *mat.Dense, s *mat.SymDense) (norm, mu float64, err error) {
	n, _ := w.Dims()
	var ws lanczos.Workspace[float64]
	tmp := mat.NewVecDense(n, nil)
	top, err := ws.Solve(n, func(dst, v []float64) {
		tmp.MulVec(w, mat.NewVecDense(n, v))
		mat.NewVecDense(n, dst).MulVec(w.T(), tmp)
	}, lanczos.Options[float64]{Tol: 1e-8, MaxProducts: n})
	if err != nil {
		return 0, 0, fmt.Errorf("deq: |W|₂: %w", err)
	}
	norm = math.Sqrt(top.Top[0].Value + top.Top[0].Residual)
	low, err := ws.Solve(n, func(dst, v []float64) {
		mat.NewVecDense(n, dst).MulVec(s, mat.NewVecDense(n, v))
	}, lanczos.Options[float64]{Bottom: 1, Tol: 1e-8, MaxProducts: n})
	if err != nil {
		return 0, 0, fmt.Errorf("deq: λ_min(sym(I-W)): %w", err)
	}
	return norm, low.Bottom[0].Value - low.Bottom[0].Residual, nil
}

// perronBound bounds ρ(|W|) from above: for every x > 0 it is at most
// max_i (|W|x)_i/x_i, and power iteration makes that sharp.
func perronBound(w *mat.Dense) float64 {
	n, _ := w.Dims()
	a := mat.NewDense(n, n, nil)
	a.Apply(func(_, _ int, v float64) float64 { return math.Abs(v) }, w)
	x, y := mat.NewVecDense(n, nil), mat.NewVecDense(n, nil)
	for i := range n {
		x.SetVec(i, 1)
	}
	bound := math.Inf(1)
	for range 100 {
		y.MulVec(a, x)
		ratio, scale := 0.0, mat.Max(y)
		for i := range n {
			ratio = max(ratio, y.AtVec(i)/x.AtVec(i))
		}
		done := ratio > bound*(1-1e-12)
		bound = min(bound, ratio)
		if done || scale == 0 {
			break
		}
		// A shift keeps x positive and the iteration from cycling.
		for i := range n {
			x.SetVec(i, (y.AtVec(i)+bound*x.AtVec(i)+1e-12*scale)/scale)
		}
	}
	return bound
}
