package infogeo

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"

	"github.com/gradflow/gradflow/flow/kernel"
)

// gaussianPath is the Fisher-Rao geodesic of the normal distributions that starts at
// N(μ, F Fᵀ) with the velocity μ' = F x, Σ' = F B Fᵀ. With A as in gaussianLift,
// X = [-B; √2 xᵀ] and E = exp(tA), blocks (d, 1, d),
//
//	Σ(t) = F E11⁻¹ Fᵀ,   μ(t) = μ + F E11⁻¹ E12
//
// (Eriksen 1987). E follows from X = U σ Wᵀ: on the eigenvectors of A.
type gaussianPath struct {
	d     int
	mu    []float64
	frame kernel.Matrix[float64]
	x     kernel.Matrix[float64] // X, (d+1) x d
	zw    kernel.Matrix[float64] // rows [σ_k u_k | w_k]
	sigma []float64

	e, ft  kernel.Matrix[float64] // scratch: E11, F Lᵀ and so on
	e12, p []float64
}

// newGaussianPath takes frame and x and copies mu; it makes x symmetric.
func newGaussianPath(mu []float64, frame, x kernel.Matrix[float64]) *gaussianPath {
	d := len(mu)
	g := &gaussianPath{d: d, mu: append([]float64(nil), mu...), frame: frame, x: x,
		zw: kernel.NewMatrix[float64](d, 2*d+1), sigma: make([]float64, d),
		e: kernel.NewMatrix[float64](d, d), ft: kernel.NewMatrix[float64](d, d),
		e12: make([]float64, d), p: make([]float64, d)}
	for i := range d {
		for j := range i {
			v := (x.At(i, j) + x.At(j, i)) / 2
			x.Set(i, j, v)
			x.Set(j, i, v)
		}
	}
	for i := range d {
		for j := range d + 1 {
			g.zw.Set(i, j, x.At(j, i))
		}
	}
	setIdentity(columns(g.zw, d+1, d))
	norms, tmp := make([]float64, d), make([]float64, 2*d+1)
	jacobi(g.zw, d+1, norms, tmp)
	for k := range d {
		g.sigma[k] = kernel.Nrm2(g.zw.Row(k)[:d+1])
	}
	return g
}

// velocity stores μ' in dmu and Σ' in dcov.
func (g *gaussianPath) velocity(dmu []float64, dcov kernel.Matrix[float64]) {
	kernel.Gemv(dmu, math.Sqrt2/2, g.frame, g.x.Row(g.d), 0)
	kernel.Gemm(g.e, -1, g.frame, kernel.MatrixOf(g.d, g.d, g.x.Data[:g.d*g.d]), 0)
	kernel.GemmNT(dcov, 1, g.e, g.frame, 0)
}

// at stores the mean and the covariance at time t.
func (g *gaussianPath) at(mu []float64, cov kernel.Matrix[float64], t float64) error {
	g.exponential(t)
	if _, ok := lapack64.Potrf(blas64.Symmetric{N: g.d, Stride: g.d, Data: g.e.Data, Uplo: blas.Lower}); !ok || !kernel.AllFinite(g.e.Data) {
		return errGeodesicRange(t, g.sigma)
	}
	for i := range g.d {
		for j := range g.d {
			g.ft.Set(j, i, g.frame.At(i, j))
		}
	}
	solveLower(g.e, g.ft)
	solveLower(g.e, kernel.MatrixOf(g.d, 1, g.e12))
	kernel.GemmTN(cov, 1, g.ft, g.ft, 0)
	copy(mu, g.mu)
	kernel.GemvT(mu, 1, g.ft, g.e12, 1)
	return nil
}

// exponential computes the blocks E11 and E12 of exp(tA) as sums over the pairs of
// eigenvalues ±σ of A, whose eigenvectors are (u, ±w): with c = cosh tσ, s = sinh tσ,
// in the first d coordinates,
//
//	E11 = I + Σ ((c-1)(uuᵀ + wwᵀ) + s(uwᵀ + wuᵀ))/2
//	    = I + Σ ((u+w)(u+w)ᵀ expm1(tσ) + (u-w)(u-w)ᵀ expm1(-tσ))/4
//
// and E12 = Σ ((c-1) u + s w) υ/√2 with υ the last coordinate of u. The second form
// does not cancel where u is near ±w; the first one, in σu, holds for σ = 0.
func (g *gaussianPath) exponential(t float64) {
	setIdentity(g.e)
	clear(g.e12)
	for k, sigma := range g.sigma {
		z, w := g.zw.Row(k)[:g.d], g.zw.Row(k)[g.d+1:]
		last := g.zw.Row(k)[g.d]
		if math.Abs(t*sigma) < 1 {
			c, s := coshSinh(t, sigma)
			kernel.Ger(g.e, c/2, z, z)
			kernel.Ger(g.e, c*sigma*sigma/2, w, w)
			kernel.Ger(g.e, s/2, z, w)
			kernel.Ger(g.e, s/2, w, z)
			kernel.Axpy(c*last*math.Sqrt2/2, z, g.e12)
			kernel.Axpy(s*last*math.Sqrt2/2, w, g.e12)
			continue
		}
		up, down := math.Expm1(t*sigma), math.Expm1(-t*sigma)
		last /= sigma
		kernel.AxpyTo(g.p, 1/sigma, z, w)
		kernel.Ger(g.e, up/4, g.p, g.p)
		kernel.Axpy(up*last*math.Sqrt2/4, g.p, g.e12)
		kernel.Axpy(-2, w, g.p)
		kernel.Ger(g.e, down/4, g.p, g.p)
		kernel.Axpy(down*last*math.Sqrt2/4, g.p, g.e12)
	}
}

// coshSinh returns (cosh tσ - 1)/σ² and sinh(tσ)/σ.
func coshSinh(t, sigma float64) (c, s float64) {
	x := t * sigma
	if math.Abs(x) < 1e-4 {
		return t * t / 2, t * (1 + x*x/6)
	}
	h := math.Sinh(x/2) / sigma
	return 2 * h * h, math.Sinh(x) / sigma
}
