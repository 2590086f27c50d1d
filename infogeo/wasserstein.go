package infogeo

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"

	"github.com/gradflow/gradflow/flow/kernel"
)

// gaussianTransport is the optimal transport of N(m0, C0) to N(m1, C1) for the squared
// distance, x -> m1 + T(x - m0). With C0 = L0 L0ᵀ, C1 = L1 L1ᵀ and the singular value
// decomposition L1ᵀ L0 = U s Vᵀ, Q = U Vᵀ,
//
//	T = C0^-1/2 (C0^1/2 C1 C0^1/2)^1/2 C0^-1/2 = L0⁻ᵀ V s Vᵀ L0⁻¹ = L1 Q L0⁻¹,
//
// and the distance of the covariances is |L0 - L1 Q|: a Procrustes problem, in which
// nothing cancels (Bhatia, Jain and Lim 2019).
type gaussianTransport struct {
	a, b *Gaussian
	diff kernel.Matrix[float64] // L1 Q - L0
	root kernel.Matrix[float64] // L0⁻ᵀ V s^1/2: T = root rootᵀ
}

func newGaussianTransport(a, b *Gaussian) *gaussianTransport {
	d := a.Dim()
	if b.Dim() != d {
		panic(fmt.Sprintf("infogeo: normal distributions of dimensions %d and %d, want equal ones", d, b.Dim()))
	}
	t := &gaussianTransport{a, b, kernel.NewMatrix[float64](d, d), kernel.NewMatrix[float64](d, d)}
	// The rows of L0ᵀL1 = V s Uᵀ, made orthogonal: [s Uᵀ | Vᵀ].
	m := kernel.NewMatrix[float64](d, 2*d)
	su, v := columns(m, 0, d), columns(m, d, d)
	kernel.GemmTN(su, 1, a.chol, b.chol, 0)
	setIdentity(v)
	jacobi(m, d, make([]float64, d), make([]float64, 2*d))
	scaled := kernel.NewMatrix[float64](d, d)
	for k := range d {
		s := kernel.Nrm2(su.Row(k))
		kernel.Scal(1/s, su.Row(k))
		kernel.Axpby(math.Sqrt(s), v.Row(k), 0, scaled.Row(k))
	}
	q := kernel.NewMatrix[float64](d, d)
	kernel.GemmTN(q, 1, su, v, 0)
	copy(t.diff.Data, a.chol.Data)
	kernel.Gemm(t.diff, 1, b.chol, q, -1)
	copy(t.root.Data, scaled.Data)
	transpose(t.root)
	blas64.Trsm(blas.Left, blas.Trans, 1,
		blas64.Triangular{N: d, Stride: d, Data: a.chol.Data, Uplo: blas.Lower, Diag: blas.NonUnit},
		blas64.General{Rows: d, Cols: d, Stride: d, Data: t.root.Data})
	return t
}

// logs returns a_i with e^a_i the eigenvalues of T, and its eigenvectors, a row each.
func (t *gaussianTransport) logs() ([]float64, kernel.Matrix[float64]) {
	d := t.a.Dim()
	v := kernel.NewMatrix[float64](d, d)
	e := kernel.NewMatrix[float64](d, d) // (T - I)ᵀ = L0⁻ᵀ diffᵀ
	copy(e.Data, t.diff.Data)
	transpose(e)
	blas64.Trsm(blas.Left, blas.Trans, 1,
		blas64.Triangular{N: d, Stride: d, Data: t.a.chol.Data, Uplo: blas.Lower, Diag: blas.NonUnit},
		blas64.General{Rows: d, Cols: d, Stride: d, Data: e.Data})
	if kernel.SumSq(e.Data) <= 0.25 {
		symmetrise(e)
		logs := symmetricEigen(e, v)
		for i, x := range logs {
			logs[i] = math.Log1p(x)
		}
		return logs, v
	}
	m := kernel.NewMatrix[float64](d, 2*d)
	copyMatrix(columns(m, 0, d), t.root)
	setIdentity(columns(m, d, d))
	jacobi(m, d, make([]float64, d), make([]float64, 2*d))
	copyMatrix(v, columns(m, d, d))
	logs := make([]float64, d)
	for i := range d {
		logs[i] = 2 * math.Log(kernel.Nrm2(m.Row(i)[:d]))
	}
	return logs, v
}

// BuresWasserstein returns the 2-Wasserstein distance of two normal distributions,
//
//	W² = |m0 - m1|² + tr(C0 + C1 - 2(C0^1/2 C1 C0^1/2)^1/2),
//
// without the cancellation of that trace. It panics if the dimensions differ.
func BuresWasserstein(a, b *Gaussian) float64 {
	t := newGaussianTransport(a, b)
	sum := kernel.SumSq(t.diff.Data)
	for i, m := range a.mean {
		sum += (m - b.mean[i]) * (m - b.mean[i])
	}
	return math.Sqrt(sum)
}

// TransportMap stores the matrix T of the optimal transport x -> m1 + T(x - m0) of a to b
// in dst, which is allocated if nil, and returns it. T is symmetric positive definite. It
// panics if the dimensions differ.
func TransportMap(dst *mat.SymDense, a, b *Gaussian) *mat.SymDense {
	if dst == nil {
		dst = new(mat.SymDense)
	}
	t := newGaussianTransport(a, b)
	m := kernel.NewMatrix[float64](a.Dim(), a.Dim())
	kernel.GemmNT(m, 1, t.root, t.root, 0)
	dst.CopySym(symSized(dst, m))
	return dst
}

// WKL returns the Wasserstein-KL divergence of b from a (Datar and Ay, arXiv 2503.24022):
// ∫0^1 E_a[f(φ_1) - f(φ_s)] ds along the flow φ of the gradient of the f that takes a to b.
// Between normal distributions, with T = V diag(e^α) Vᵀ the optimal transport and μ =
// Vᵀ(m1 - m0),
//
//	WKL = Σ k(α_i) (α_i² (Vᵀ C0 V)_ii + g(α_i)² μ_i²),
//	k(α) = (e^2α (2α - 1) + 1)/(4α²),   g(α) = α/(e^α - 1).
//
// It is not symmetric; with equal covariances it is |m1 - m0|²/2. The closed form is ours,
// derived from that definition. It panics if the dimensions differ.
func WKL(a, b *Gaussian) float64 {
	t := newGaussianTransport(a, b)
	logs, v := t.logs()
	d := a.Dim()
	dm, lv, sum := make([]float64, d), make([]float64, d), 0.0
	kernel.SubTo(dm, b.mean, a.mean)
	for i, alpha := range logs {
		kernel.GemvT(lv, 1, a.chol, v.Row(i), 0)
		g := 1.0
		if alpha != 0 {
			g = alpha / math.Expm1(alpha)
		}
		mu := g * kernel.Dot(v.Row(i), dm)
		sum += wklFactor(alpha) * (alpha*alpha*kernel.SumSq(lv) + mu*mu)
	}
	return sum
}

// wklFactor returns k(α) = (e^2α (2α - 1) + 1)/(4α²) = Σ_n (2α)^n (n+1)/(n+2)!.
func wklFactor(alpha float64) float64 {
	x := 2 * alpha
	if math.Abs(x) > 1 {
		return (math.Exp(x)*(x-1) + 1) / (x * x)
	}
	sum, power := 0.0, 0.5 // x^n/(n+2)!
	for n := 0.0; n < 20; n++ {
		sum += power * (n + 1)
		power *= x / (n + 3)
	}
	return sum
}
